// Wakes naras for a test, and puts all of them to sleep after it.
import { Nara } from "light-nara";
import { until } from "./until.js";

/** A group of naras on one plaza. */
export class Neighbourhood {
  #plaza;
  #awake = new Set();

  constructor(plaza) {
    this.#plaza = plaza;
  }

  /** Wakes one. */
  async wake(options = {}) {
    const nara = await Nara.wake({ plaza: this.#plaza, memory: "medium", ...options });
    this.#awake.add(nara);
    return nara;
  }

  /** Wakes `count` of them. */
  async wakeMany(count) {
    return Promise.all(Array.from({ length: count }, () => this.wake()));
  }

  /** Puts all of them to sleep. */
  async sleep() {
    await Promise.all([...this.#awake].map((nara) => nara.sleep()));
    this.#awake.clear();
  }
}

/** Waits until a nara sees this many peers online. */
export function untilPeers(nara, count) {
  return until(`${nara.name} to see ${count} peers online`, () => {
    return nara.status().peers.filter(({ presence }) => presence === "online").length >= count;
  });
}

/** Waits until a nara's connection is in this state. */
export function untilConnection(nara, state) {
  return until(`the connection to be ${state}`, () => nara.status().connection.state === state);
}
