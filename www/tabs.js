// One soul, one tab: two live copies of one nara would overwrite each other's memory.

/** How long a tab may take to hand over before its place is taken: it may be frozen. */
const HAND_OVER_MS = 3_000;
/** How long another tab has to answer where the browser has no Web Locks. */
const ANSWER_MS = 400;

/** Whether this browser lets tabs exclude each other; only HTTPS and localhost do. */
export const hasLocks = () => Boolean(globalThis.navigator?.locks);

/**
 * This tab's claim to live as one soul. `hear(snapshot)` is told what the living tab shows; `lost()` is called when
 * another tab takes over, and what it returns is awaited before the place is free.
 */
export class Place {
  #name;
  #channel;
  #release = null;
  #lost;
  #hear;
  #shown = null;

  /** Opens the place of `soul`, without claiming it. */
  static async of(soul, { hear, lost }) {
    return new Place(`light-nara:${await fingerprint(soul)}`, { hear, lost });
  }

  constructor(name, { hear, lost }) {
    this.#name = name;
    this.#hear = hear;
    this.#lost = lost;
    this.#channel = new BroadcastChannel(name);
    this.#channel.onmessage = ({ data }) => this.#handle(data);
  }

  /** Whether this tab is the one that lives. */
  get mine() {
    return this.#release !== null;
  }

  /** True when the place was free, and is now this tab's. */
  async claim() {
    const free = hasLocks() ? await this.#request({ ifAvailable: true }) : await this.#isUnanswered();
    if (free) this.#release ??= () => {};
    else this.#channel.postMessage({ kind: "who" });
    return free;
  }

  /** Asks the living tab to hand over; takes the place of one that does not. Only where there are locks. */
  async takeOver() {
    this.#channel.postMessage({ kind: "hand over" });
    const patience = new AbortController();
    const timer = setTimeout(() => patience.abort(), HAND_OVER_MS);
    try {
      await this.#request({ signal: patience.signal });
    } catch {
      await this.#request({ steal: true });
    } finally {
      clearTimeout(timer);
    }
  }

  /** Tells the other tabs what this one shows. */
  show(snapshot) {
    if (!this.mine) return;
    this.#shown = snapshot;
    this.#channel.postMessage({ kind: "shown", snapshot });
  }

  /** Leaves the place to others, and hears no more. */
  close() {
    this.#let();
    this.#channel.close();
  }

  #let() {
    const release = this.#release;
    this.#release = null;
    this.#shown = null;
    release?.();
  }

  /** Holds the lock until released; false when it is taken. A lock stolen from this tab ends its life here. */
  #request(options) {
    return new Promise((resolve, reject) => {
      const hold = (lock) => {
        if (lock === null) return resolve(false);
        const held = new Promise((release) => (this.#release = release));
        resolve(true);
        return held;
      };
      navigator.locks.request(this.#name, options, hold).catch((error) => {
        if (this.mine) this.#leave();
        reject(error);
      });
    });
  }

  #isUnanswered() {
    return new Promise((resolve) => {
      const answered = ({ data }) => data.kind === "here" && finish(false);
      const finish = (free) => {
        clearTimeout(timer);
        this.#channel.removeEventListener("message", answered);
        resolve(free);
      };
      const timer = setTimeout(() => finish(true), ANSWER_MS);
      this.#channel.addEventListener("message", answered);
      this.#channel.postMessage({ kind: "who" });
    });
  }

  async #handle({ kind, snapshot }) {
    if (kind === "shown" && !this.mine) this.#hear(snapshot);
    if (!this.mine) return;
    if (kind === "who") {
      this.#channel.postMessage({ kind: "here" });
      if (this.#shown) this.#channel.postMessage({ kind: "shown", snapshot: this.#shown });
    }
    if (kind === "hand over") await this.#leave();
  }

  async #leave() {
    await this.#lost();
    this.#let();
  }
}

/** A name for the soul's lock that does not give the soul away. */
async function fingerprint(soul) {
  const bytes = new TextEncoder().encode(`light-nara:tab:${soul}`);
  if (globalThis.crypto?.subtle) {
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
    return Array.from(digest.slice(0, 12), (byte) => byte.toString(16).padStart(2, "0")).join("");
  }
  let state = 0x811c9dc5;
  for (const byte of bytes) state = Math.imul(state ^ byte, 0x01000193) >>> 0;
  return state.toString(16);
}
