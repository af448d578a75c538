// The editor's own undo: a browser's forgets everything as soon as the page itself changes the text.

/** How many steps back are kept. */
export const STEPS_MAX = 100;

/** Texts that were there before, and after. */
export class History {
  #past = [];
  #future = [];
  #now;

  constructor(text = "") {
    this.#now = text;
  }

  get canUndo() {
    return this.#past.length > 0;
  }

  /** The text is this now. With `merge`, it goes on from the last step, as while somebody types. */
  note(text, { merge = false } = {}) {
    if (text === this.#now) return;
    if (!merge || this.#past.length === 0) {
      this.#past.push(this.#now);
      if (this.#past.length > STEPS_MAX) this.#past.shift();
    }
    this.#future = [];
    this.#now = text;
  }

  /** One step back: the text that stands there, or null. */
  undo() {
    return this.#step(this.#past, this.#future);
  }

  /** One step forth again, or null. */
  redo() {
    return this.#step(this.#future, this.#past);
  }

  #step(from, to) {
    if (from.length === 0) return null;
    to.push(this.#now);
    this.#now = from.pop();
    return this.#now;
  }
}
