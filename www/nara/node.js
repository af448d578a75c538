// The entry point for Node: the module is read from disk, and `ws` stands in where Node has no WebSocket.
import { readFile } from "node:fs/promises";
import { startWith } from "./nara.js";

export { init, Nara } from "./nara.js";
export { NaraError } from "./errors.js";

/** Where there is nothing to fetch, as the glue does it without asking for `Request`: Node takes 25 ms to have one. */
startWith(async (core, input = core.address) => {
  // Node fetches no files.
  const given = isFile(input) ? await readFile(new URL(input)) : input;
  const isBytes = given instanceof ArrayBuffer || ArrayBuffer.isView(given);
  const [module] = await Promise.all([isBytes ? WebAssembly.compile(given) : given, platform()]);
  if (module instanceof WebAssembly.Module) core.initSync({ module });
  else await core.init({ module_or_path: module });
});

/** What Node takes some milliseconds to have, and the waking nara needs. */
async function platform() {
  void globalThis.crypto;
  globalThis.WebSocket ??= quiet((await import("ws")).WebSocket);
}

function isFile(input) {
  return (typeof input === "string" || input instanceof URL) && String(input).startsWith("file:");
}

/** `ws` throws what no listener takes, where a browser's socket says nothing: so one always listens. */
function quiet(WebSocket) {
  return class extends WebSocket {
    constructor(...parameters) {
      super(...parameters);
      this.on("error", () => {});
    }
  };
}
