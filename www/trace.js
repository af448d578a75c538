// When each peer was asked in a search: the status tells when it answered, the traffic when it was asked.

const KEPT_MAX = 256;

/** Listens to a nara's traffic while it lives. */
export class Trace {
  #asked = new Map();

  /** Notes what the traffic shows, at `now` milliseconds since the epoch. */
  note({ to, kind }, now) {
    if (kind !== "stash:request" || !to) return;
    this.#asked.delete(to);
    this.#asked.set(to, now);
    if (this.#asked.size > KEPT_MAX) this.#asked.delete(this.#asked.keys().next().value);
  }

  /**
   * A lane for each peer that was asked or answered: `{ id, name, askedMs, atMs, result }`, in milliseconds after the
   * search began, by the time of the answer. Who was not asked alone heard the word to everybody, at 0.
   */
  lanes({ recovery, peers = [] }) {
    const { startedAt, answers, tookMs, state } = recovery;
    if (state === "none") return []; // What was found once may have been forgotten since.
    const end = tookMs ?? Infinity;
    const asked = (id) => {
      const at = this.#asked.get(id);
      return at === undefined || startedAt === null || at < startedAt ? 0 : at - startedAt;
    };
    const lanes = answers.map(({ id, name, atMs, result }) => ({ id, name, askedMs: Math.min(asked(id), atMs), atMs, result }));
    const known = new Set(answers.map(({ id }) => id));
    for (const [id, at] of this.#asked) {
      const after = at - startedAt;
      if (known.has(id) || after < 0 || after > end) continue;
      lanes.push({ id, name: peers.find((peer) => peer.id === id)?.name ?? "", askedMs: after, atMs: null, result: "silent" });
    }
    return lanes.sort((a, b) => (a.atMs ?? Infinity) - (b.atMs ?? Infinity));
  }
}
