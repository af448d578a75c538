// How the core is loaded: once, from wherever it is, and by nobody who only imports the package.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createServer } from "node:http";
import { readFile, readdir } from "node:fs/promises";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const root = fileURLToPath(new URL("../..", import.meta.url));
const WASM = new URL("../../www/nara/pkg/light_nara_bg.wasm", import.meta.url);
const ENTRIES = ["pkg/index.js", "pkg/worker.js", "pkg/node.js", "index.js", "node.js", "worker.js", "worker-node.js"];

/** Runs a module in a process of its own, where nothing is loaded yet, and gives what it printed. */
async function fresh(source) {
  const args = ["--input-type=module", "--eval", source];
  return (await promisify(execFile)(process.execPath, args, { cwd: root, timeout: 30_000 })).stdout.trim();
}

const WAKE = `
  const nara = await Nara.wake({ plaza: "ws://127.0.0.1:9/mqtt" });
  console.log(typeof nara.soul);
  await nara.sleep();
`;

for (const [what, input] of [
  ["nothing", ""],
  ["the address of a file", JSON.stringify(WASM.href)],
  ["a URL", `new URL(${JSON.stringify(WASM.href)})`],
  ["bytes", `readFileSync(new URL(${JSON.stringify(WASM.href)}))`],
  ["a promise of bytes", `(await import("node:fs/promises")).readFile(new URL(${JSON.stringify(WASM.href)}))`],
  ["a WebAssembly.Module", `new WebAssembly.Module(readFileSync(new URL(${JSON.stringify(WASM.href)})))`],
]) {
  test(`init takes ${what}, and wake needs no other`, async () => {
    assert.equal(await fresh(`
      import { readFileSync } from "node:fs";
      import { init, Nara } from "light-nara";
      await init(${input});
      ${WAKE}
    `), "string");
  });
}

test("init takes the address of a server, and downloads it once however often it is called", async (t) => {
  let downloads = 0;
  const server = createServer(async (request, response) => {
    downloads += 1;
    response.writeHead(200, { "Content-Type": "application/wasm" }).end(await readFile(WASM));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  const address = JSON.stringify(`http://127.0.0.1:${server.address().port}/core.wasm`);
  assert.equal(await fresh(`
    import { init, Nara } from "light-nara";
    await Promise.all([init(${address}), init(${address}), init()]);
    await init(new Uint8Array());
    ${WAKE}
  `), "string");
  assert.equal(downloads, 1);
});

test("a core that cannot be loaded is an error with code and cause, and may be tried again", async () => {
  assert.deepEqual(JSON.parse(await fresh(`
    import { init, Nara } from "light-nara";
    const failures = [];
    for (const input of ["http://127.0.0.1:9/core.wasm", new Uint8Array([1, 2, 3]), 5]) {
      await init(input).catch((error) => failures.push([error.name, error.code, error.cause !== undefined]));
    }
    await init();
    console.log(JSON.stringify(failures));
  `)), Array(3).fill(["NaraError", "core_not_loaded", true]));
});

const [SMALL, FULL] = ["light_nara_bg.wasm", "light_nara_full_bg.wasm"];

/** The cores that these wakes load, in a process of their own, and where each nara says that its mesh is. */
async function loadedBy(...options) {
  return JSON.parse(await fresh(`
    import { statSync } from "node:fs";
    import { init, Nara } from "light-nara";
    const name = (size) => ${JSON.stringify([SMALL, FULL])}.find((name) => statSync("www/nara/pkg/" + name).size === size);
    const loaded = [];
    const compile = WebAssembly.compile;
    WebAssembly.compile = (bytes) => (loaded.push(name(bytes.byteLength)), compile(bytes));
    const naras = [];
    for (const options of ${JSON.stringify(options)}) naras.push(await Nara.wake({ plaza: "ws://127.0.0.1:9/mqtt", ...options }));
    const states = naras.map((nara) => nara.status().mesh.state);
    for (const nara of naras) await nara.sleep();
    console.log(JSON.stringify({ loaded, states }));
  `));
}

const GATEWAY = { gateway: "ws://127.0.0.1:9/mesh" };
const SERVICES = { services: [{ name: "tea", behaviours: { "tea:wish": {} } }] };

test("a nara with a gateway or services gets the larger core, beside others that have the smaller", async () => {
  assert.deepEqual(await loadedBy({}, {}, GATEWAY, SERVICES, {}), { loaded: [SMALL, FULL], states: ["none", "none", "attaching", "none", "none"] });
  assert.deepEqual((await loadedBy({}, SERVICES)).loaded, [SMALL, FULL]);
});

test("where the larger core is loaded first, it serves everybody", async () => {
  assert.deepEqual(await loadedBy(GATEWAY, {}, GATEWAY), { loaded: [FULL], states: ["attaching", "none", "attaching"] });
});

test("a core that init was given serves everybody, and says so where it cannot", async () => {
  assert.equal(await fresh(`
    import { readFileSync } from "node:fs";
    import { init, Nara } from "light-nara";
    await init(readFileSync("www/nara/pkg/${SMALL}"));
    for (const options of ${JSON.stringify([GATEWAY, SERVICES])}) {
      await Nara.wake({ plaza: "ws://127.0.0.1:9/mqtt", ...options }).catch(({ code, message }) => console.log(code, message));
    }
  `), `option_invalid gateway: this core can use none; ${FULL} can, given to init\noption_invalid services: this core can have none; ${FULL} can, given to init`);
});

test("who makes a nara by itself is told what to do", async () => {
  assert.equal(await fresh(`
    import { Nara } from "light-nara";
    try {
      new Nara({ plaza: "ws://127.0.0.1:9/mqtt" });
    } catch (error) {
      console.log(error.name, error.code, error.message);
    }
  `), "NaraError core_not_loaded this nara has no core: use Nara.wake, which loads it");
});

for (const entry of ENTRIES) {
  test(`${entry} can be imported where pages are rendered on a server: it looks at nothing and starts nothing`, async () => {
    const output = await fresh(`
      const looked = [];
      for (const name of ["window", "document", "navigator", "location", "localStorage", "self", "WebSocket", "Worker", "fetch"]) {
        Object.defineProperty(globalThis, name, { configurable: true, get() { looked.push(name); } });
      }
      WebAssembly.instantiate = WebAssembly.instantiateStreaming = () => looked.push("WebAssembly");
      const { Nara, NaraError } = await import("./www/nara/${entry}");
      console.log(typeof Nara.wake, typeof NaraError, looked.join());
      process.on("exit", () => console.log(process.getActiveResourcesInfo().filter((name) => name === "Timeout").length));
    `);
    assert.equal(output, "function function \n0");
  });
}

test("no module of the package waits at its top level", async () => {
  const scripts = (await readdir(new URL("../../www/nara/", import.meta.url))).filter((name) => name.endsWith(".js"));
  // CommonJS may require modules, but none that wait.
  const requires = scripts.map((name) => `require("./www/nara/${name}");`).join("\n");
  const source = `${requires} console.log("none");`;
  const { stdout } = await promisify(execFile)(process.execPath, ["--no-warnings", "--eval", source], { cwd: root });
  assert.equal(stdout.trim(), "none");
});
