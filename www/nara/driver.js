// The driver: does what the core asks for, and feeds back what happens. Nothing is decided here.

import { fromCore, NaraError } from "./errors.js";

/** A timer is never set further ahead: `setTimeout` takes 31 bits. */
const TIMER_MS_MAX = 2_000_000_000;
/** No deadline is longer. */
const DEADLINE_MS_MAX = 1e9;
/** So many bytes of one WebSocket message are taken in at once: memory of the core that once grew stays. */
const PIECE_MAX = 1 << 17;
const SEED_SIZE = 64;

/** One nara in the core, with its sockets and its timer. */
export class Driver {
  #peer;
  #plaza;
  #mesh;
  #listener;
  #timer;
  #isTelling = false;
  /** Whom to call when an operation ends. */
  #waiting = new Map();

  /**
   * `core` is one that is loaded. `options` are lists of texts, as it takes them. `listener(word, value)` is told `status`, `saved`, `local`,
   * `traffic`, `service`, `log` and `asleep`; `credentials` gives `{user, password}` or a promise of it.
   */
  constructor({ core, options, soul, plaza, gateway, credentials, listener }) {
    this.#listener = listener;
    this.#plaza = new Link(plaza, ["mqtt"], {
      opened: ({ user, password } = {}) => {
        this.run("opened", isText(user) ? user : this.run("me").id, ...(isText(password) ? [password] : []));
      },
      data: (bytes, isOpen) => {
        for (let at = 0; at < bytes.length && isOpen(); at += PIECE_MAX) {
          this.#act((peer) => peer.hear(bytes.subarray(at, at + PIECE_MAX)));
        }
      },
      closed: (why) => this.run("closed", why),
    }, credentials);
    this.#mesh = new Link(gateway, [], {
      opened() {},
      data: (bytes) => {
        if (bytes.length <= PIECE_MAX) return this.#act((peer) => peer.hearMesh(bytes));
        this.#mesh.close();
        this.run("meshClosed");
      },
      closed: () => this.run("meshClosed"),
    });
    const seed = seeded();
    this.#peer = resultOf(attempt(() => new core.Peer(JSON.stringify(options), soul, seed)));
    seed.fill(0);
  }

  /** Runs a command of the core; what it throws is a NaraError. */
  run(...command) {
    const text = this.#act((peer) => peer.run(JSON.stringify(command.map(String))));
    return text === "" ? undefined : JSON.parse(text);
  }

  /** The same for what ends later; `done(error, value)` is called once, unless it is cancelled. Returns the operation. */
  begin(done, what, deadline, ...rest) {
    const operation = this.run(what, this.milliseconds(deadline), ...rest);
    // What happened already is told in a microtask, so nothing is missed.
    this.#waiting.set(operation, done);
    return operation;
  }

  /** A deadline as the core takes it. */
  milliseconds(deadline) {
    return Math.trunc(Math.min(Math.max(deadline, 0), DEADLINE_MS_MAX));
  }

  cancel(operation) {
    this.#waiting.delete(operation);
    this.run("cancel", operation);
  }

  /** Encrypts for a service; throws where there is none of this name. */
  seal(service, plaintext) {
    const sealed = this.#act((peer) => peer.seal(service, plaintext));
    return { nonce: sealed.slice(0, 24), ciphertext: sealed.slice(24) };
  }

  open(service, { nonce, ciphertext }) {
    const opened = this.#act((peer) => peer.open(service, nonce, ciphertext));
    if (opened === undefined) throw new NaraError("not_opened", "another key sealed it, or it was changed");
    return opened;
  }

  get soul() {
    return this.#peer.soul();
  }

  forgetSoul() {
    this.#peer.forgetSoul();
  }

  /** One input or command, then everything that follows from it. */
  #act(input) {
    const result = attempt(() => input(this.#peer));
    this.#settle();
    return resultOf(result);
  }

  #settle() {
    const peer = this.#peer;
    const effects = [
      () => this.#plaza.open(),
      (bytes) => this.#plaza.send(bytes),
      () => this.#plaza.close(),
      () => this.#mesh.open(),
      (bytes) => this.#mesh.send(bytes),
      () => this.#mesh.close(),
    ];
    for (let effect = peer.poll(); effect !== undefined; effect = peer.poll()) effects[effect.at(-1)](effect.subarray(0, -1));
    clearTimeout(this.#timer);
    const wait = peer.waitMs();
    if (wait >= 0) this.#timer = setTimeout(() => this.run("tick"), Math.min(wait, TIMER_MS_MAX));
    if (this.#isTelling || !peer.hasWords()) return;
    this.#isTelling = true;
    // Listeners may call anything, at any time; so nothing of the core runs when they are called.
    queueMicrotask(() => {
      this.#isTelling = false;
      for (let word = peer.word(); word !== undefined; word = peer.word()) this.#tell(JSON.parse(word));
    });
  }

  #tell([word, value, operation]) {
    try {
      if (operation === undefined) return this.#listener(word, value);
      const done = this.#waiting.get(operation);
      this.#waiting.delete(operation);
      if (word === "failed") done?.(value);
      else done?.(undefined, value);
    } catch {
      // What a callback throws is the application's; the core goes on.
    }
  }
}

/** One WebSocket at a time, to one address. What an older one says is not heard. */
class Link {
  #url;
  #protocols;
  #heard;
  #credentials;
  #socket;
  #attempt;

  constructor(url, protocols, heard, credentials) {
    this.#url = url;
    this.#protocols = protocols;
    this.#heard = heard;
    this.#credentials = credentials;
  }

  async open() {
    this.close();
    const attempt = (this.#attempt = {});
    const isOpen = () => this.#attempt === attempt;
    const ended = (why) => {
      if (!isOpen()) return;
      this.close();
      this.#heard.closed(why);
    };
    let given;
    try {
      given = (await this.#credentials?.()) ?? undefined;
    } catch {
      return ended("the credentials callback failed");
    }
    if (!isOpen()) return;
    let socket;
    try {
      socket = new WebSocket(this.#url, this.#protocols);
    } catch {
      return ended("the plaza's address cannot be opened from here");
    }
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => this.#heard.opened(given);
    socket.onmessage = ({ data }) => data instanceof ArrayBuffer && this.#heard.data(new Uint8Array(data), isOpen);
    socket.onclose = (event) => ended(whyClosed(event));
  }

  send(bytes) {
    try {
      this.#socket?.send(bytes);
    } catch {
      // A socket that is closing says so by itself.
    }
  }

  /** Ends this attempt, also one that still waits for its credentials. */
  close() {
    const socket = this.#socket;
    this.#attempt = this.#socket = undefined;
    if (socket === undefined) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }
}

function whyClosed({ code, reason }) {
  if (code === 1006) return "the connection broke or could not be made";
  // 1005 is for no code at all, 1000 and 1001 for a farewell.
  const about = [[1000, 1001, 1005].includes(code) ? "" : code, reason].filter(Boolean).join(": ");
  return `the plaza closed the connection${about && ` (${about})`}`;
}

function seeded() {
  try {
    return crypto.getRandomValues(new Uint8Array(SEED_SIZE));
  } catch (error) {
    throw new NaraError("no_randomness", "this platform gives no randomness", { cause: error });
  }
}

/** The core throws its errors as JSON. A trap is an error of the platform; nothing goes on after it. */
function attempt(run) {
  try {
    return { value: run() };
  } catch (error) {
    if (typeof error !== "string") throw error;
    return { error: fromCore(JSON.parse(error)) };
  }
}

function resultOf({ error, value }) {
  if (error !== undefined) throw error;
  return value;
}

function isText(value) {
  return typeof value === "string";
}
