// The entry point `light-nara/worker`: the same nara in a worker of its own. This side holds no core and no key,
// only messages; worker-side.js answers them.

import { fromCore, NaraError } from "./errors.js";
import { Watched } from "./events.js";
import { checkKeys, isSignal } from "./options.js";
import { stashOf, toJson } from "./stash.js";
import { checkStorage, inTurn } from "./storage.js";
import { whenWaking } from "./waking.js";

export { NaraError } from "./errors.js";

let start = () => new Worker(new URL("./worker-side.js", import.meta.url), { type: "module" });
let core;

/** Says how a worker is started; for entry points. */
export function startWith(startWorker) {
  start = startWorker;
}

/** Says from where the workers load the core: an address, bytes or a WebAssembly.Module. */
export async function init(input) {
  const isAddress = typeof input === "string" || input instanceof URL;
  // The worker has another base.
  core ??= isAddress ? new URL(input, globalThis.location?.href).href : input;
}

/** A nara that is awake in a worker. See worker.d.ts. */
export class Nara extends Watched {
  #port;
  #worker;
  #callbacks;
  #calls = new Map();
  #count = 0;
  #fallenAsleep;
  #unwatch;

  stash = Object.freeze(Object.fromEntries(Object.keys(stashOf({})).map((method) => [
    method,
    async (...args) => this.#call(`stash.${method}`, JSON_FIRST.has(method) ? [plain(args[0]), ...args.slice(1)] : args),
  ])));

  /** Wakes a nara in a worker; use this and not the constructor. */
  static async wake({ worker, credentials, storage, services, ...options } = {}) {
    if (services !== undefined) {
      throw new NaraError("option_invalid", "services: they run beside their nara; in a worker of your own, wake it with light-nara itself");
    }
    checkStorage(storage);
    const nara = new Nara();
    nara.#callbacks = { credentials, "storage.get": (key) => storage.get(key), "storage.set": (key, value) => storage.set(key, value) };
    const given = { credentials: credentials !== undefined, storage: storage !== undefined };
    try {
      nara.#open(worker ?? (await start()));
      const me = await inTurn(storage, () => nara.#call("wake", [options, given, core]));
      for (const [name, value] of Object.entries(me)) Object.defineProperty(nara, name, { value, enumerable: true });
      // A worker is told of none of these, and freezes with its page.
      nara.#unwatch = whenWaking(() => nara.retryNow().catch(() => {}));
    } catch (error) {
      nara.#end();
      throw error;
    }
    return nara;
  }

  constructor() {
    super((isWatched) => this.#port?.postMessage({ watch: isWatched }));
  }

  status() {
    return this.#call("status", []);
  }

  retryNow() {
    return this.#call("retryNow", []);
  }

  tick() {
    return this.#call("tick", []);
  }

  async sleep(options = {}) {
    checkKeys(options, ["handOff"]);
    this.#fallenAsleep ??= this.#call("sleep", [options]).finally(() => this.#end());
    return this.#fallenAsleep;
  }

  async [Symbol.asyncDispose ?? Symbol.for("Symbol.asyncDispose")]() {
    await this.sleep();
  }

  #open(worker) {
    const { port1, port2 } = new MessageChannel();
    this.#worker = worker;
    this.#port = port1;
    port1.onmessage = ({ data }) => this.#hear(data);
    // Where the other side is gone without a word, the port says so.
    port1.addEventListener("close", () => this.#end());
    const failed = ({ message = "see the console" }) => {
      if (this.id === undefined) this.#end("core_not_loaded", `the worker could not be started: ${message}`);
    };
    (worker.addEventListener ?? worker.on).call(worker, "error", failed);
    worker.postMessage({ lightNara: port2 }, [port2]);
  }

  #hear({ call, value, error, event, detail, ask, what, args }) {
    if (event !== undefined) return this.dispatchEvent(new CustomEvent(event, { detail }));
    if (ask !== undefined) return this.#answer(ask, what, args);
    if (error !== undefined) return this.#fail(call, error);
    this.#calls.get(call)?.resolve(value);
    this.#calls.delete(call);
  }

  #fail(call, error) {
    this.#calls.get(call)?.reject(fromCore(error));
    this.#calls.delete(call);
  }

  async #answer(ask, what, args) {
    const answer = { answer: ask };
    try {
      answer.value = await this.#callbacks[what](...args);
    } catch (error) {
      answer.error = error instanceof Error ? error : new Error(String(error));
    }
    this.#post(answer);
  }

  async #call(method, args) {
    if (this.#port === undefined) throw new NaraError("asleep", "this nara sleeps; wake it again");
    const call = (this.#count += 1);
    const options = args.at(-1);
    const signal = isSignal(options?.signal) ? options.signal : undefined;
    if (signal?.aborted) throw new NaraError("aborted", "the caller stopped waiting");
    const abort = () => this.#post({ abort: call });
    signal?.addEventListener("abort", abort, { once: true });
    try {
      return await new Promise((resolve, reject) => {
        this.#calls.set(call, { resolve, reject });
        this.#post({ call, method, args: signal ? [...args.slice(0, -1), { ...options, signal: undefined }] : args, hasSignal: signal !== undefined });
      });
    } finally {
      this.#calls.delete(call);
      signal?.removeEventListener("abort", abort);
    }
  }

  #post(message) {
    try {
      this.#port?.postMessage(message);
    } catch (error) {
      throw new NaraError("option_invalid", `what a worker is told must be plain data: ${error.message}`, { cause: error });
    }
  }

  #end(code = "asleep", message = "this nara went to sleep meanwhile") {
    this.#unwatch?.();
    this.#port?.close();
    this.#port = undefined;
    this.#worker?.terminate();
    for (const call of [...this.#calls.keys()]) this.#fail(call, { code, message });
  }
}

/** What JSON makes of a memory, as the other face would store it. */
function plain(data) {
  return JSON.parse(toJson(data));
}

const JSON_FIRST = new Set(["set", "setStashData"]);
