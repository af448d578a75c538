// What both faces share: an EventTarget that knows whether anybody listens to traffic.

/** Nobody is told of traffic who did not ask; the core makes nothing of it then. */
export class Watched extends EventTarget {
  #watchers = new Set();
  #watch;

  /** `watch(isWatched)` is called when listeners to `traffic` come or go. */
  constructor(watch) {
    super();
    this.#watch = watch;
  }

  addEventListener(type, listener, options) {
    super.addEventListener(type, listener, options);
    if (type === "traffic" && listener) this.#change(() => this.#watchers.add(listener));
  }

  removeEventListener(type, listener, options) {
    super.removeEventListener(type, listener, options);
    if (type === "traffic") this.#change(() => this.#watchers.delete(listener));
  }

  #change(change) {
    const before = this.#watchers.size > 0;
    change();
    const after = this.#watchers.size > 0;
    if (before !== after) this.#watch(after);
  }
}
