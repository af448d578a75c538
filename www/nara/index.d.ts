/// <reference lib="esnext.disposable" />
// Every shape of the package. Times are milliseconds since the Unix epoch unless a name says otherwise.

/** Any JSON value. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** What a `NaraError` can be about. */
export type NaraErrorCode =
  | "aborted" // the signal was aborted
  | "asleep" // the nara sleeps
  | "broken" // what the peer sent is not what this nara sealed
  | "core_not_loaded" // the WebAssembly module could not be loaded, or is not loaded yet
  | "elsewhere" // another device lives as this nara; see `stash.goOnHere`
  | "name_invalid" // the name cannot be one: empty, over 128 bytes, or with a character MQTT reserves
  | "no_randomness" // the platform gives no randomness
  | "no_answer" // the peer, or whoever a service called, has not answered by the deadline
  | "not_connected" // the plaza is not reached
  | "not_enough_peers" // fewer than `wanted` confidants; the memory is kept here and stored as peers appear
  | "not_found" // nobody gave the memory back by the deadline, or nobody has this id; the search goes on
  | "not_opened" // another key sealed it, or it was changed
  | "not_sent" // what a service said could not leave; the message says why
  | "not_json" // a memory or a payload cannot be written as JSON, or would come back as something else
  | "option_invalid" // an option of the wrong type or out of range; the message names it
  | "plaza_url" // the plaza's address is no ws:// or wss:// address
  | "recovering" // an older memory may still be out there; see `stash.startEmpty`
  | "refused" // the peer refused; `reason` has its word
  | "replaced" // a newer memory was set meanwhile
  | "soul_invalid" // the soul is no soul: 40 bytes in Base58
  | "soul_mismatch" // the soul belongs to another name
  | "stale" // the peer holds something newer
  | "storage_failed" // the application's `storage` threw, or gave no string; `cause` has what it threw
  | "too_large" // over 10,240 bytes, plain or sealed
  | "too_many"; // 64 operations wait already

/** An error of light-nara. */
export class NaraError extends Error {
  readonly code: NaraErrorCode;
  /** With `not_enough_peers`: how many confidants are wanted, and how many peers can be asked. */
  readonly wanted?: number;
  readonly found?: number;
  /** With `refused`: the peer's own word, such as `at_capacity`. */
  readonly reason?: string;
  constructor(code: NaraErrorCode, message: string, options?: ErrorOptions);
}

export interface WakeOptions {
  /** A gateway to the mesh, such as `wss://example.org/mesh`; without one, Go naras cannot be reached. It needs the larger core. */
  gateway?: string;
  /** The plaza: an MQTT broker's WebSocket address, `ws://` or `wss://`. */
  plaza: string;
  /** The soul to go on as; without one a nara is born. */
  soul?: string;
  /** A chosen name, at most 128 bytes; without one it is generated from the soul. */
  name?: string;
  /** How much is held for others: 5, 20 or 50 stashes. Default `medium`. */
  memory?: "short" | "medium" | "hog" | "low" | "high";
  /** Asked before each connect. Default user: the nara's id, without password. */
  credentials?: () => Credentials | Promise<Credentials>;
  /**
   * How long the plaza may hear nothing, in seconds. With 30 a loss is noticed within 45 s, else
   * within 180 s; only where a worker or a process drives the nara, since timers of hidden pages
   * fire once a minute. Default 120.
   */
  keepAlive?: 30 | 120;
  /** Where the soul is kept from one visit to the next. Default: nowhere, and the soul is yours to keep. */
  storage?: SoulStorage;
  /** Services of one's own that run on this nara. */
  services?: Service[];
  stash?: {
    /** How many confidants are wanted, 1 to 7. Default 3. */
    target?: number;
    /** How many copies more while fewer than two holders have been seen for 24 hours, 0 to 2. Default 2. */
    spares?: number;
    /** How much of the memory's size its holders learn: nothing, one of four sizes, or what it compresses to. Default `full`. */
    padding?: "full" | "buckets" | "none";
  };
}

/**
 * The application's own storage, such as a `Map`, or a few lines around `localStorage` or IndexedDB.
 *
 * The soul is asked for by `get` under the one key `light-nara:soul`, and a nara that is born has it stored by
 * `set` before it joins. Under `light-nara:holders` stand the ids and public keys of those who hold the memory, so
 * that they are asked directly the next time; where that key is lost, everybody is asked. Nothing else is ever kept:
 * the memory is with the confidants. Whoever can read the storage is this nara. To forget the soul on a device,
 * remove both keys yourself. A `soul` that differs from the one stored is refused, since storing it would lose the other.
 *
 * In one page or process, who wakes on a storage waits for whoever is just waking on the same object, so that two at
 * once on an empty one are one soul. Between tabs or processes nothing waits: the soul stored last is the one that is
 * remembered. Where that can happen, wake under a lock of your own, such as `navigator.locks`.
 */
export interface SoulStorage {
  get(key: string): string | null | undefined | Promise<string | null | undefined>;
  set(key: string, value: string): unknown;
}

/**
 * A service of one's own. It declares the kinds of messages that it says and hears; see docs/services.md.
 * Handlers run in microtasks and may call anything; what one throws is logged.
 */
export interface Service {
  /** For the log, and unique in its nara. */
  name: string;
  /** By kind. Every kind that the service sends must be there, too. */
  behaviours: { [kind: string]: ServiceBehaviour };
  /** The nara is awake. */
  start?(ctx: ServiceContext): void | Promise<void>;
  /** The nara goes to sleep; what is said here is still sent. */
  stop?(ctx: ServiceContext): void;
}

/** What a message says, by field; it comes from the network, so check what is in it. */
export type Payload = { [field: string]: Json };

export type ServiceHandler = (ctx: ServiceContext, payload: Payload, from: ServiceMessage) => unknown;

export interface ServiceVersion {
  /** The payload's fields, in the order in which they are signed, each once. Others are passed over; doubles are refused. */
  fields?: string[];
  handle?: ServiceHandler;
}

/** Either `fields` and `handle` of version 1 alone, or `versions`. What is sent carries the highest version. */
export interface ServiceBehaviour extends ServiceVersion {
  /**
   * `request` (default): signed, to one nara. `protocol`: signed, to everybody on `topic`. `ephemeral`: to everybody,
   * unsigned, a hint. `local`: between the services of this nara, such as `stash:recovered`.
   */
  type?: "request" | "protocol" | "ephemeral" | "local";
  /** One topic of the plaza, without wildcards; for `protocol` and `ephemeral`, and for no other. */
  topic?: string;
  /** The kind that answers it, which is declared too; needed for `call`. */
  answeredBy?: string;
  /** How many messages of this kind one sender may send in so many milliseconds. */
  rateLimit?: { count: number; perMs: number };
  versions?: { [version: number]: ServiceVersion };
}

/** A message that came, and who is proved to have signed it; `null` where nobody did. */
export interface ServiceMessage {
  readonly id: string | null;
  readonly key: string | null;
  /** What the sender calls itself. */
  readonly name: string;
  readonly kind: string;
  readonly version: number;
  readonly messageId: string;
  /** Answers it, within a minute. */
  reply(kind: string, payload?: object): void;
}

/** A peer of `peers()`, a message's sender, or an id that one key alone claims. */
export type ServicePeer = string | { id: string | null; key?: string | null };

export interface ServiceContext {
  readonly me: PeerName;
  /** The time that this nara goes by. */
  now(): number;
  /** To everybody on the kind's topic, or to the services of this nara. */
  emit(kind: string, payload?: object): void;
  /** To one nara, without waiting for an answer. */
  send(to: ServicePeer, kind: string, payload?: object): void;
  /** To one nara, for its verified answer of the kind's `answeredBy`. Rejects with `no_answer` at its deadline, by default 30 s. */
  call(to: ServicePeer, kind: string, payload?: object, options?: OperationOptions): Promise<{ payload: Payload; from: Omit<ServiceMessage, "reply"> }>;
  reply(message: ServiceMessage, kind: string, payload?: object): void;
  /** Encrypts under this nara's own key. */
  seal(plaintext: Uint8Array | ArrayBuffer): { nonce: Uint8Array; ciphertext: Uint8Array };
  /** Gives back what this nara sealed, or throws `not_opened`. */
  open(sealed: { nonce: Uint8Array | ArrayBuffer; ciphertext: Uint8Array | ArrayBuffer }): Uint8Array;
  peers(): Status["peers"];
  readonly log: { debug(text: string): void; info(text: string): void; warn(text: string): void; error(text: string): void };
}

export interface Credentials {
  user?: string;
  password?: string;
}

export interface OperationOptions {
  signal?: AbortSignal;
  /** Milliseconds; default 10,000. */
  deadline?: number;
}

/** Somebody, by id and by the name it gives itself. */
export interface PeerName {
  id: string;
  name: string;
}

/** A memory that is stored. */
export interface Receipt {
  version: number;
  /** Who acknowledged it; fewer than `target` when there were not more by the deadline. */
  holders: PeerName[];
  target: number;
}

export interface Memory {
  data: Json;
  savedAt: number;
  /** The revision: 1 for the first, and only growing. */
  version: number;
}

export interface RecoveredMemory extends Memory {
  from: PeerName | null;
  tookMs: number | null;
  /** How many confidants' copies opened to this memory. */
  count: number;
}

/** What is held for somebody; nobody but its owner can read it. */
export interface StoredStash {
  ownerId: string;
  /** 24 bytes. */
  nonce: Uint8Array;
  /** At most 10,240 bytes, tag included. */
  ciphertext: Uint8Array;
  storedAt: number;
}

/** How a wish to be forgotten ended. Go naras without the older HTTP interface know no such wish and keep what they hold until they restart. */
export interface Forgotten {
  forgotten: PeerName[];
  mayStillHold: PeerName[];
}

/** Whether a memory may be set: its older one may still be out there. */
export type Gate = "open" | "searching" | "undecided";

export interface Status extends PeerName {
  /** Whether another device was noticed that lives as this nara; nothing is stored until `goOnHere`, even after the other has gone on. */
  elsewhere: boolean;
  /** Ids that more than one key claims. */
  conflicts: PeerName[];
  memoryMode: "short" | "medium" | "hog";
  connection: {
    state: "opening" | "online" | "waiting" | "asleep";
    url: string;
    /** How many attempts in a row have failed. */
    attempt: number;
    retryAt: number | null;
    /** Why the last connection or attempt ended. */
    why: string | null;
  };
  peers: Array<
    PeerName & {
      /** Base64 of the Ed25519 public key. */
      key: string;
      presence: Presence;
      mode: "short" | "medium" | "hog" | null;
      firstSeen: number;
      lastSeen: number;
    }
  >;
  stash: {
    version: number | null;
    savedAt: number | null;
    /** Bytes of the memory as JSON. */
    bytes: number;
    bytesMax: number;
    /** Bytes of every sealed copy; 10,240 under full padding. */
    sealedBytes: number;
    target: number;
    /** How many copies more are wanted while the holders are young. */
    spares: number;
    /** Whether `target` confidants hold the newest version. */
    safe: boolean;
    gate: Gate;
    /** The version of another memory that turned up beside the one here; see `stash.beside`. */
    beside: number | null;
    /** Who acknowledged the newest version, and when. */
    holders: Array<PeerName & { version: number; at: number }>;
    pending: PeerName[];
  };
  confidants: Array<
    PeerName & {
      presence: Presence;
      state: "acked" | "pending" | "refused" | "silent";
      version: number | null;
      at: number | null;
      mode: "short" | "medium" | "hog" | null;
      /** When this nara first heard of it. */
      firstSeen: number | null;
      /** When it last gave its copy back, and the copy opened. */
      verifiedAt: number | null;
      /** Whether it is one more than `target`. */
      spare: boolean;
    }
  >;
  held: {
    limit: number;
    count: number;
    /** How often somebody was refused a place, or something that is not its own. */
    refusals: number;
    /** How many stashes were let go: owners that stayed away, places needed for others. */
    prunings: number;
    stashes: Array<PeerName & { bytes: number; storedAt: number; presence: Presence }>;
  };
  mesh: {
    /** The way to the gateway; `none` where none is named. */
    state: "none" | "asleep" | "attaching" | "attached" | "waiting";
    /** Where the mesh reaches this nara, such as `100.64.0.7:40123`. */
    address: string | null;
  };
  clock: {
    /** Peers' time less this nara's, as measured by their answers; `null` until one answered. */
    offsetMs: number | null;
    /** Over 30 s off by the word of two peers or more; then this nara goes by their time. */
    off: boolean;
  };
  /** How many messages were dropped, by reason. */
  drops: Record<string, number>;
  recovery: {
    state: "none" | "searching" | "recovered" | "not_found";
    startedAt: number;
    tookMs: number | null;
    count: number;
    from: PeerName | null;
    answers: Array<
      PeerName & {
        /** Milliseconds after the search began. */
        atMs: number;
        result: "chosen" | "opened" | "older" | "not_found" | "broken" | "probe";
        version: number | null;
      }
    >;
  };
}

/** One message that came (`from`) or went (`to`); `null` where it is nobody in particular. */
export interface Traffic {
  from?: string | null;
  to?: string | null;
  /** The kind of a message, or the last part of its topic. */
  kind: string;
  way: "plaza" | "direct";
  /** `sent`, `handled`, or the reason for which it was dropped. */
  outcome: string;
}

export type Presence = "online" | "offline" | "missing";

export interface LogRecord {
  at: number;
  level: "debug" | "info" | "warn" | "error";
  service: string;
  /** The id of the nara that spoke. */
  nara: string;
  text: string;
}

/** The events of a nara, by type, with their `detail`. */
export interface NaraEvents {
  /** What `status()` says may have changed. */
  status: CustomEvent<undefined>;
  log: CustomEvent<LogRecord>;
  asleep: CustomEvent<undefined>;
  /** Every message that comes or goes; made only while somebody listens. */
  traffic: CustomEvent<Traffic>;
  /**
   * The memory has a new version, or the number of its holders has changed, up or down. The first one comes with no
   * `holders` yet: it is safe once `holders.length` is `target`.
   */
  "stash:saved": CustomEvent<Receipt>;
  /** How many copies opened to the memory chosen; 0 when none did. */
  "stash:recovered": CustomEvent<{ count: number }>;
  "stash:gate": CustomEvent<{ gate: Gate }>;
  /** Another memory turned up beside the one here, which stays; see `stash.beside`. */
  "stash:beside": CustomEvent<{ version: number }>;
  /** Another device lives as this nara; see `stash.goOnHere`. */
  elsewhere: CustomEvent<Record<string, never>>;
}

/** This nara's own small memory, and what it holds for others. Promises reject with a `NaraError`; the rest throws it. */
export interface Stash {
  /** Keeps any JSON of at most 10,240 bytes, until `target` confidants acknowledged or the deadline. */
  set(data: Json, options?: OperationOptions): Promise<Receipt>;
  /** The same, without waiting: copies are made behind it. Returns the version. */
  setStashData(data: Json): number;
  /** The memory as this nara knows it. */
  get(): Memory | null;
  /** The same. */
  stashData(): Memory | null;
  hasStashData(): boolean;
  /** Another memory that turned up beside the one here, which stays; set it again to go on with it. */
  beside(): Memory | null;
  /** Forgets the memory here. The confidants keep their copies, and `recover` brings it back. */
  clearMyStash(): void;

  /** Gives the memory as soon as it is back. Rejects with `not_found` at its deadline; the search goes on behind it. */
  recover(options?: OperationOptions): Promise<RecoveredMemory>;
  /** The same, but asks everybody again although a memory is known. */
  recoverFromAny(options?: OperationOptions): Promise<RecoveredMemory>;
  /** After a search in vain: there is nothing to wait for, and `set` works. Throws `recovering` before that. */
  startEmpty(): void;
  /** When another device lives as this nara: this one goes on, and stores again. */
  goOnHere(): void;

  /** Who holds the newest version. */
  confidants(): PeerName[];
  targetConfidants(): number;
  /** Names at most 7 confidants, who are asked first, and stores the memory with them. */
  setConfidants(ids: string[], options?: OperationOptions): Promise<Receipt>;
  /** Chooses confidants by score and stores the memory with them. Rejects with `not_enough_peers`. */
  selectConfidantsAutomatically(options?: OperationOptions): Promise<PeerName[]>;
  /** Resolves once `target` confidants hold the memory. */
  distributeToConfidants(options?: OperationOptions): Promise<Receipt>;
  /** Stores the memory with this peer. Rejects with `refused`, `stale` or `no_answer`. */
  storeWith(id: string, options?: OperationOptions): Promise<Receipt>;
  /**
   * Asks this peer for the memory: the newest, the previous one, or an earlier one, from before this nara
   * came back and stored again, which is kept for a day at least. Rejects with `not_found`, `broken` or `no_answer`.
   */
  requestFrom(id: string, options?: OperationOptions & { generation?: "newest" | "previous" | "earlier" }): Promise<Memory>;

  /** Asks this peer to forget; it is not chosen again unless you name it. */
  deleteFrom(id: string, options?: OperationOptions): Promise<Forgotten>;
  /** Forgets the memory here, and asks everybody who may hold it to forget it too. */
  forgetEverywhere(options?: OperationOptions): Promise<Forgotten>;

  /** Gives an owner the stash that is held for it; false when none is. */
  pushTo(id: string): boolean;
  storedStash(id: string): StoredStash | null;
  hasStashFor(id: string): boolean;
  storedCount(): number;
  /** 5, 20 or 50, by memory mode. */
  storageLimit(): number;
  /** What is held and for whom, and who holds what is mine, as JSON for debugging; no plaintext, no key of mine. */
  marshalState(): string;
}

/** A nara that is awake. */
export class Nara extends EventTarget {
  /** Wakes a nara. Resolves once it knows who it is; it does not wait for the plaza. */
  static wake(options: WakeOptions): Promise<Nara>;
  private constructor();
  readonly id: string;
  readonly name: string;
  /** Whoever has the soul is this nara. */
  readonly soul: string;
  readonly stash: Stash;
  status(): Status;
  /**
   * Tries to reach the plaza now instead of waiting; where it seems to be reached, it has to show within 2 s that it
   * still is. Called by itself when a page thaws or is shown again, and when the network is back.
   */
  retryNow(): void;
  /** Does what is due. For a timer in a worker that calls it while the timers of a hidden page are held back. */
  tick(): void;
  /**
   * Says chau and closes everything. With `handOff`, what is held for naras that are away is
   * passed on to others first, within 5 s: for a process that stops, not for a tab.
   */
  sleep(options?: { handOff?: boolean }): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
  addEventListener<K extends keyof NaraEvents>(
    type: K,
    listener: (this: Nara, event: NaraEvents[K]) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: ((event: Event) => void) | { handleEvent(event: Event): void } | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
  removeEventListener<K extends keyof NaraEvents>(
    type: K,
    listener: (this: Nara, event: NaraEvents[K]) => void,
    options?: boolean | EventListenerOptions,
  ): void;
  removeEventListener(
    type: string,
    listener: ((event: Event) => void) | { handleEvent(event: Event): void } | null,
    options?: boolean | EventListenerOptions,
  ): void;
}

/** A `WebAssembly.Module`, where the platform's types know it. */
export type CoreModule = typeof globalThis extends { WebAssembly: { Module: { prototype: infer M } } } ? M : never;

/** Where the core is: an address, its bytes, or the module. */
export type CoreInput = string | URL | Request | Response | ArrayBuffer | ArrayBufferView | CoreModule;

/**
 * Loads the core, once; later calls wait for the same. `Nara.wake` does it by itself, so this is needed only to load
 * early, or from elsewhere than the file in the package; what is given then serves all naras, and a `gateway` or
 * `services` need `light_nara_full_bg.wasm`. After a failure it may be called again.
 */
export function init(input?: CoreInput | Promise<CoreInput>): Promise<void>;
