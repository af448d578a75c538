// Holds what the page shows: the nara's status, the draft of its memory, and how far we are. Panels listen to "change".

import { canonical, checkJson } from "./json-check.js";
import { count, peerName } from "./format.js";

/** The most a memory may take, in bytes of UTF-8. */
export const MEMORY_SIZE_MAX = 10_240;
/** How many lines of the log are kept. */
export const LOG_LINES_MAX = 200;
/** Offered to someone who has nothing to write down yet. */
export const SAMPLE = '{\n  "note": "write something worth remembering"\n}';

const NOTHING = {
  id: "",
  name: "",
  elsewhere: false,
  conflicts: [],
  clock: { offsetMs: null, off: false },
  connection: { state: "opening", url: "", attempt: 0, retryAt: null, why: null },
  peers: [],
  stash: { version: null, savedAt: null, bytes: null, sealedBytes: null, target: 3, gate: "open", beside: null, holders: [], pending: [] },
  confidants: [],
  held: { limit: null, count: 0, stashes: [] },
  recovery: { state: "none", startedAt: null, tookMs: null, count: 0, from: null, answers: [] },
};

/** The page's state. Its methods are the only way to change it. */
export class Store extends EventTarget {
  /** "welcome", "waking", "awake", or "mirror" of another tab. */
  phase = "welcome";
  status = NOTHING;
  /** What the nara knows to be its memory: `{ data, savedAt, version }`, or null. */
  memory = null;
  /** Another memory that turned up beside it, or null. */
  beside = null;
  /** The editor's text, and the text it last had in common with the nara. */
  text = "";
  base = "";
  /** A save under way: the version before it. */
  saving = null;
  saveError = "";
  /** A text to go back or over to: `{ words, action, text, base }`. */
  other = null;
  /** Whether a save was made after the last recovery. */
  savedSince = false;
  /** Born in this tab, its soul neither copied, shown, nor remembered. */
  soulAtRisk = false;
  /** Woken with a soul whose memory has not been looked for to the end: a search may wait for the plaza first. */
  looking = false;
  /** Served without HTTPS, where tabs cannot exclude each other. */
  insecure = false;
  log = [];

  /** How many naras were followed: what belongs to one of them begins anew with the next. */
  awakened = 0;
  /** How often everything was forgotten: from then on nothing brings an earlier text back. */
  forgotten = 0;

  #nara = null;
  #checked = { text: null };
  #queued = false;

  /** Feeds the store from this nara from now on. */
  follow(nara) {
    this.#nara = nara;
    this.awakened += 1;
    this.phase = "awake";
    this.savedSince = false;
    for (const event of ["status", "stash:saved", "stash:beside", "stash:gate", "elsewhere"]) {
      nara.addEventListener(event, () => this.#nara === nara && this.refresh());
    }
    nara.addEventListener("stash:recovered", ({ detail }) => {
      if (this.#nara !== nara) return;
      this.refresh();
      if (detail.count > 0 && this.memory) this.adopt(this.memory);
    });
    nara.addEventListener("log", ({ detail }) => this.#nara === nara && this.note(detail));
    this.refresh();
  }

  /** What another tab with the same soul may show; the soul is not in it. */
  get snapshot() {
    const { status, memory, text, base } = this;
    return { status, memory, text, base };
  }

  /** Shows what another tab does, and does nothing itself. */
  mirror(snapshot = {}) {
    this.#nara = null;
    this.set({ ...snapshot, phase: "mirror", saving: null, looking: false });
  }

  get nara() {
    return this.#nara;
  }

  /** Takes in what the nara knows now. */
  refresh() {
    this.status = complete(this.#nara.status());
    this.memory = this.#nara.stash.get();
    this.beside = this.#nara.stash.beside();
    this.changed();
  }

  /** Sets fields of the store and tells the panels. */
  set(fields) {
    Object.assign(this, fields);
    this.changed();
  }

  /** The editor's text, read: `{ value }` or `{ error }`. */
  get checked() {
    if (this.#checked.text !== this.text) this.#checked = { text: this.text, ...checkJson(this.text) };
    return this.#checked;
  }

  /** How many bytes the memory would take. */
  get bytes() {
    const text = this.checked.error ? this.text : JSON.stringify(this.checked.value);
    return new TextEncoder().encode(text).length;
  }

  /** Whether it would take more than a memory may have. */
  get tooLarge() {
    return this.bytes > MEMORY_SIZE_MAX;
  }

  /** Whether the editor has other words than were found or saved last. */
  get edited() {
    return this.text !== this.base && !this.#matches(this.memory);
  }

  /** Whether words stand in the editor that are not what the nara has, or that nobody has any more. */
  get unsaved() {
    if (this.memory !== null) return !this.#matches(this.memory);
    const isAlone = this.status.recovery.state === "not_found" && this.text.trim() !== "" && this.text !== SAMPLE;
    return this.text !== this.base || isAlone;
  }

  /** Whether this tab has words that nobody else is known to hold. */
  get isUnacknowledged() {
    if (this.phase !== "awake") return false;
    const isAside = this.other !== null && this.other.text !== this.other.base;
    return this.unsaved || isAside || this.saving !== null || (this.memory !== null && holdersOf(this.status).length === 0);
  }

  /** Whether the editor still shows only the sample. */
  get sampling() {
    return this.text === SAMPLE && this.base === SAMPLE && !this.#matches(this.memory);
  }

  /** Proposes the sample, unless something is there. */
  propose() {
    if (this.text.trim() === "") this.set({ text: SAMPLE, base: SAMPLE });
  }

  /** Shows a memory that was found; edits are never overwritten, only joined by the choice to see it. */
  adopt(memory) {
    if (this.#matches(memory)) return;
    const text = JSON.stringify(memory.data, null, 2);
    if (!this.edited || this.text.trim() === "") {
      this.set({ text, base: text, other: null, saveError: "" });
      return;
    }
    this.set({
      other: {
        words: `Your memory was found (version ${memory.version}). Your edits are still here, unsaved; saving them replaces it.`,
        action: "Show what was found",
        text,
        base: text,
      },
    });
  }

  /** Looks for the memory anew, as if this tab had never had it. */
  startOver() {
    this.set({ text: "", base: "", other: null, saveError: "", savedSince: false });
  }

  /** Nothing of what was here before is known any more, but what was written since `text`. */
  forget(text) {
    const written = this.text === text ? "" : this.text;
    this.forgotten += 1;
    this.set({ text: written, base: "", other: null, saveError: "" });
  }

  /** Changes places with the other text; nothing is lost either way. */
  swap() {
    const { text, base, other } = this;
    const back = other.text === other.base;
    this.set({
      text: other.text,
      base: other.base,
      other: {
        words: back ? "This is what was found. Your edits are kept aside." : "These are your edits, unsaved; saving them replaces what was found.",
        action: back ? "Back to my edits" : "Show what was found",
        text,
        base,
      },
    });
  }

  /** Keeps a line of the log, never with the soul in it. */
  note(line) {
    const soul = this.#nara?.soul;
    const text = String(line.text ?? "");
    this.log.unshift({ ...line, text: soul ? text.replaceAll(soul, "(soul)") : text });
    this.log.length = Math.min(this.log.length, LOG_LINES_MAX);
    this.changed();
  }

  /** Tells the panels once, however much changed at a time. */
  changed() {
    if (this.#queued) return;
    this.#queued = true;
    queueMicrotask(() => {
      this.#queued = false;
      this.dispatchEvent(new Event("change"));
    });
  }

  #matches(memory) {
    if (!memory || this.checked.error) return false;
    return canonical(this.checked.value) === canonical(memory.data);
  }
}

/** Confidants seen to hold the newest version. */
export function holdersOf(status) {
  return status.stash.holders.filter((holder) => holder.version === status.stash.version);
}

/** Peers that can be reached now. */
export function peersHere(status) {
  return status.peers.filter((peer) => peer.presence === "online");
}

/** Who answered a search with a memory, in words. */
export function foundBy(recovery) {
  const name = recovery.from ? peerName(recovery.from) : "a peer";
  return { name, copies: `${count(recovery.count ?? 0, "copy").replace("copys", "copies")} ${recovery.count === 1 ? "agrees" : "agree"}` };
}

function complete(status) {
  const filled = { ...NOTHING, ...status };
  for (const part of ["connection", "stash", "held", "recovery"]) {
    const known = Object.entries(status[part] ?? {}).filter(([, value]) => value !== undefined);
    filled[part] = { ...NOTHING[part], ...Object.fromEntries(known) };
  }
  filled.stash.target ??= NOTHING.stash.target;
  for (const [part, field] of [["stash", "holders"], ["stash", "pending"], ["held", "stashes"], ["recovery", "answers"]]) {
    filled[part][field] ??= [];
  }
  filled.peers ??= [];
  filled.conflicts ??= [];
  filled.confidants ??= [];
  return filled;
}
