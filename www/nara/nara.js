// The face of the package: the class Nara, an EventTarget over the core in WebAssembly.

import { newCore } from "./pkg/light_nara.js";
import { Driver } from "./driver.js";
import { fromCore, NaraError } from "./errors.js";
import { Watched } from "./events.js";
import { checkKeys, checkOperation } from "./options.js";
import { stashOf } from "./stash.js";
import { checkStorage, holdersFrom, holdersKeeper, inTurn, keepSoul, soulFrom } from "./storage.js";
import { whenWaking } from "./waking.js";

const SLEEP_FLUSH_MS = 50;
const FOR_WANT_OF_OTHERS = new Set(["not_connected", "not_enough_peers", "not_found", "no_answer"]);
const OPTIONS = ["plaza", "soul", "name", "memory", "credentials", "keepAlive", "gateway", "storage", "stash", "services"];

let start = (core, input) => core.init({ module_or_path: input });
/** The cores, from when they begin to load: the one that most naras need, and one for all. */
const cores = { small: undefined, full: undefined };

/** Says how a core starts from what `init` was given, or from `core.address`; for entry points. */
export function startWith(startCore) {
  start = startCore;
}

/**
 * Loads the core, once; `Nara.wake` does it by itself. Takes a URL, a Response, bytes or a
 * WebAssembly.Module, which wakes all naras then, and by default the file beside this one.
 */
export async function init(input) {
  await (cores.full ?? cores.small ?? load(input === undefined ? "small" : "full", input));
}

/** The core for a nara. The full one serves everybody, and is loaded for those who need it. */
function coreFor({ gateway, services }) {
  if (cores.full !== undefined) return cores.full;
  return gateway !== undefined || services.length > 0 ? load("full") : (cores.small ?? load("small"));
}

function load(which, input) {
  const core = newCore(which === "full");
  cores[which] = started(core, input).catch((error) => {
    cores[which] = undefined; // A failed download may be tried again.
    throw new NaraError("core_not_loaded", `the core could not be loaded: ${error?.message ?? error}; where a bundler has moved it, init takes its address`, { cause: error });
  });
  return cores[which];
}

async function started(core, input) {
  await start(core, await input);
  return core;
}

/** A nara that is awake. See index.d.ts for every shape. */
export class Nara extends Watched {
  #driver;
  #me;
  #plaza;
  #services;
  #soul;
  #asleep = false;
  /** How the operations that wait are ended. */
  #waiting = new Set();
  #fallenAsleep;
  #unwatch;
  #keepHolders = () => {};

  /** The stash: this nara's own small memory, and what it holds for others. */
  stash;

  /** Wakes a nara; use this and not the constructor. */
  static async wake(options = {}) {
    const { storage, ...checked } = check(options);
    // Few applications have services of their own.
    const served = checked.services.length > 0 ? (await import("./service.js")).served(checked.services) : undefined;
    const core = await coreFor(checked);
    const nara = await inTurn(storage, async () => {
      const remembered = await soulFrom(storage, checked.soul);
      const holders = remembered && (await holdersFrom(storage));
      const nara = new Nara({ ...checked, core, services: served, soul: checked.soul ?? remembered, holders });
      // Before it joins: who stores a memory must still have the soul tomorrow.
      if (nara.soul !== remembered) await keepSoul(storage, nara.soul);
      nara.#keepHolders = holdersKeeper(storage, holders);
      return nara;
    });
    nara.#driver.run("wake");
    nara.#unwatch = whenWaking(() => nara.retryNow());
    nara.#services?.start();
    return nara;
  }

  constructor({ core, plaza, soul, credentials, services, gateway, ...options } = {}) {
    super((isWatched) => this.#asleep || this.#driver.run("watchTraffic", isWatched));
    if (core === undefined) throw new NaraError("core_not_loaded", "this nara has no core: use Nara.wake, which loads it");
    this.#plaza = plaza;
    const given = Object.entries(options).filter(([, value]) => value !== undefined).map((option) => option.map(String));
    const listener = (word, value) => this.#tell(word, value);
    this.#driver = new Driver({ core, options: [...given, ...(services?.lines ?? [])], soul, plaza, gateway, credentials, listener });
    this.#soul = this.#driver.soul;
    this.#me = Object.freeze(this.#driver.run("me"));
    this.#services = services?.by({ driver: this.#driver, me: this.#me, status: () => this.status() });
    this.stash = stashOf({
      run: (...command) => this.#driver.run(...command),
      change: (...command) => this.#change(...command),
      operation: (...operation) => this.#operation(...operation),
    });
  }

  get id() {
    return this.#me.id;
  }

  get name() {
    return this.#me.name;
  }

  get soul() {
    return this.#soul;
  }

  status() {
    const status = this.#driver.run("status");
    status.connection.url = this.#plaza;
    return status;
  }

  retryNow() {
    if (!this.#asleep) this.#driver.run("retryNow");
  }

  tick() {
    if (!this.#asleep) this.#driver.run("tick");
  }

  async sleep(options = {}) {
    checkKeys(options, ["handOff"]);
    if (!this.#asleep) {
      this.#asleep = true;
      this.#unwatch();
      const told = new Promise((resolve) => this.addEventListener("asleep", resolve, { once: true }));
      this.#services?.stop();
      this.#driver.run(options.handOff ? "leave" : "sleep");
      // The last words are with the socket by then; give it a moment to send them.
      this.#fallenAsleep = told
        .then(() => new Promise((resolve) => setTimeout(resolve, SLEEP_FLUSH_MS)))
        .then(() => {
          this.#services?.end();
          this.#driver.forgetSoul();
        });
    }
    await this.#fallenAsleep;
  }

  async [Symbol.asyncDispose ?? Symbol.for("Symbol.asyncDispose")]() {
    await this.sleep();
  }

  /** What only a nara that is awake can do. */
  #change(...command) {
    if (this.#asleep) throw sleeps();
    return this.#driver.run(...command);
  }

  #operation(options = {}, deadlineDefault, what, ...rest) {
    checkOperation(options);
    const { signal, deadline = deadlineDefault } = options;
    if (this.#asleep) throw sleeps();
    if (signal?.aborted) throw aborted();
    return new Promise((resolve, reject) => {
      const abort = () => {
        this.#driver.cancel(operation);
        end(aborted());
      };
      const end = (error, value) => {
        signal?.removeEventListener("abort", abort);
        this.#waiting.delete(end);
        error === undefined ? resolve(value) : reject(fromCore(this.#explained(error)));
      };
      const operation = this.#driver.begin(end, what, deadline, ...rest);
      signal?.addEventListener("abort", abort, { once: true });
      this.#waiting.add(end);
    });
  }

  /** What fails for want of others says so where the plaza itself is not reached. */
  #explained(error) {
    if (this.#asleep || !FOR_WANT_OF_OTHERS.has(error.code)) return error;
    const { state, why } = this.#driver.run("status").connection;
    if (state === "online") return error;
    const plaza = error.code === "not_connected" ? "" : "; the plaza is not reached";
    return { ...error, message: `${error.message}${plaza}${why ? ` (${why})` : ""}` };
  }

  #tell(word, value) {
    switch (word) {
      case "asleep":
        for (const end of this.#waiting) end(new NaraError("asleep", "this nara went to sleep meanwhile"));
        return this.#dispatch(word, value);
      case "saved":
        this.#keepHolders(this.#driver.run("holders"));
        return this.#dispatch("stash:saved", value);
      case "service":
        return this.#services.tell(value);
      case "local":
        return this.#dispatch(value.kind, value.payload);
      default:
        return this.#dispatch(word, value);
    }
  }

  #dispatch(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

function check(options) {
  checkKeys(options, OPTIONS);
  const { plaza, soul, name, memory, credentials, keepAlive, gateway, storage, stash = {}, services = [] } = options;
  const given = Object.entries({ soul, name, memory });
  for (const [key, value] of given) {
    if (value !== undefined && typeof value !== "string") {
      throw new NaraError("option_invalid", `${key}: it must be a string`);
    }
  }
  if (credentials !== undefined && typeof credentials !== "function") {
    throw new NaraError("option_invalid", "credentials: it must be a function");
  }
  if (![undefined, 30, 120].includes(keepAlive)) {
    throw new NaraError("option_invalid", "keepAlive: it must be 30 or 120 seconds");
  }
  checkStorage(storage);
  if (!Array.isArray(services)) throw new NaraError("option_invalid", "services: they must be an array");
  return { plaza: checkPlaza(plaza), soul, name, memory, credentials, keepAlive, storage, services, ...checkGateway(gateway), ...checkStash(stash) };
}

function checkGateway(gateway) {
  if (gateway === undefined) return {};
  const url = urlOf(gateway);
  if (url === null || !["ws:", "wss:"].includes(url.protocol) || url.username || url.password) {
    throw new NaraError("option_invalid", "gateway: it must be an address such as wss://example.org/mesh");
  }
  return { gateway: url.href, gatewayOrigin: `${url.protocol}//${url.host}` };
}

function checkStash(stash) {
  checkKeys(stash, ["target", "spares", "padding"], "stash.", "stash");
  const { target, spares, padding } = stash;
  const isWhole = (value, least, most) => value === undefined || (Number.isInteger(value) && value >= least && value <= most);
  if (!isWhole(target, 1, 7)) throw new NaraError("option_invalid", "stash.target: it must be a whole number from 1 to 7");
  if (!isWhole(spares, 0, 2)) throw new NaraError("option_invalid", "stash.spares: it must be a whole number from 0 to 2");
  if (![undefined, "full", "buckets", "none"].includes(padding)) {
    throw new NaraError("option_invalid", 'stash.padding: it must be "full", "buckets" or "none"');
  }
  return { target, spares, padding };
}

function checkPlaza(plaza) {
  if (plaza === undefined) {
    throw new NaraError("plaza_url", "plaza: it is missing; name a plaza to wake on, such as ws://127.0.0.1:8080/mqtt where npx light-nara runs");
  }
  const url = urlOf(plaza);
  if (url === null) throw new NaraError("plaza_url", "plaza: it must be an address such as wss://example.org/mqtt");
  if (url.protocol !== "ws:" && url.protocol !== "wss:") {
    throw new NaraError("plaza_url", "plaza: it must begin with ws:// or wss://");
  }
  if (url.username || url.password) {
    throw new NaraError("plaza_url", "plaza: user and password go through the credentials option");
  }
  return url.href;
}

/** URL.canParse would need newer browsers than all the rest. */
function urlOf(text) {
  try {
    return new URL(text);
  } catch {
    return null;
  }
}

function aborted() {
  return new NaraError("aborted", "the caller stopped waiting");
}

function sleeps() {
  return new NaraError("asleep", "this nara sleeps; wake it again");
}
