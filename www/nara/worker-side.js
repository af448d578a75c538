// What runs in the worker of `light-nara/worker`: the nara itself, told and heard by messages over one port.

import { init, Nara, NaraError } from "./index.js";

/** Answers what comes over a port until its nara sleeps. */
export function serve(port) {
  const aborts = new Map();
  const asked = new Map();
  let nara;
  let count = 0;

  const ask = (what) => (...args) => new Promise((resolve, reject) => {
    count += 1;
    asked.set(count, { resolve, reject });
    port.postMessage({ ask: count, what, args });
  });

  async function wake(options, given, core) {
    if (core !== undefined) await init(core);
    if (given.credentials) options.credentials = ask("credentials");
    if (given.storage) options.storage = { get: ask("storage.get"), set: ask("storage.set") };
    nara = await Nara.wake(options);
    // Whatever it tells is told on the other side, too.
    nara.dispatchEvent = (event) => {
      port.postMessage({ event: event.type, detail: event.detail ?? undefined });
      return EventTarget.prototype.dispatchEvent.call(nara, event);
    };
    return { id: nara.id, name: nara.name, soul: nara.soul };
  }

  async function run(call, method, args, hasSignal) {
    if (method === "wake") return wake(...args);
    if (hasSignal) {
      const abort = new AbortController();
      aborts.set(call, abort);
      args[args.length - 1] = { ...args.at(-1), signal: abort.signal };
    }
    const [object, name] = method.startsWith("stash.") ? [nara.stash, method.slice(6)] : [nara, method];
    return object[name](...args);
  }

  port.onmessage = async ({ data: { call, method, args, hasSignal, abort, answer, value, error, watch } }) => {
    if (abort !== undefined) return aborts.get(abort)?.abort();
    if (watch !== undefined) return nara?.[watch ? "addEventListener" : "removeEventListener"]("traffic", ignore);
    if (answer !== undefined) {
      const { resolve, reject } = asked.get(answer);
      asked.delete(answer);
      return error === undefined ? resolve(value) : reject(error);
    }
    try {
      port.postMessage({ call, value: await run(call, method, args, hasSignal) });
    } catch (error) {
      port.postMessage({ call, error: error instanceof NaraError ? { ...error, message: error.message, cause: error.cause } : error });
    } finally {
      aborts.delete(call);
    }
  };
}

function ignore() {}

// Only in a worker: a page would take a port from whoever posts one.
if (typeof WorkerGlobalScope !== "undefined" && globalThis instanceof WorkerGlobalScope) {
  globalThis.addEventListener("message", ({ data }) => data?.lightNara && serve(data.lightNara));
}
