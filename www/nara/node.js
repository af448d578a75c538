// The entry point for Node: the module is read from disk, and `ws` stands in where Node has no WebSocket.
import { readFile } from "node:fs/promises";
import initCore, { initSync } from "./pkg/light_nara.js";
import { loadWith } from "./nara.js";

export { init, Nara } from "./nara.js";
export { NaraError } from "./errors.js";

loadWith(async (input = new URL("./pkg/light_nara_bg.wasm", import.meta.url)) => {
  globalThis.WebSocket ??= quiet((await import("ws")).WebSocket);
  // Node fetches no files.
  return isFile(input) ? readFile(new URL(input)) : input;
}, start);

/** Where there is nothing to fetch, as the glue does it without asking for `Request`: Node takes 25 ms to have one. */
async function start(input) {
  const isBytes = input instanceof ArrayBuffer || ArrayBuffer.isView(input);
  const compiling = isBytes ? WebAssembly.compile(input) : input;
  // Node takes 3 ms to have it, which the waking nara needs: meanwhile.
  void globalThis.crypto;
  const module = await compiling;
  if (module instanceof WebAssembly.Module) initSync({ module });
  else await initCore({ module_or_path: module });
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
