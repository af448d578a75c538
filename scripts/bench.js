// Measures light-nara against what a developer would put together otherwise. Options:
// --browser  in headless Chromium instead of Node
// --json     one object on the last line
// --readme   writes the table into README.md
import { execFile } from "node:child_process";
import { createServer } from "node:http";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { cpus } from "node:os";
import { extname, join, normalize, relative } from "node:path";
import { promisify } from "node:util";
import { fileURLToPath, pathToFileURL } from "node:url";
import { buildBench } from "./build.js";
import { testPrograms } from "./setup.js";
import { StepError, ask, isCommand, root, run, runMain, say } from "./steps.js";

/** Against whom each operation is held, and the ratio that is the goal; our rate over theirs. */
const GOALS = {
  make_store: { libsodium_fflate: 1.8, noble_fflate: 4 },
  take_store: { libsodium_fflate: 1.3, noble_fflate: 4 },
  take_store_known: { libsodium_fflate: 1.6 },
  seal_10k: { libsodium: 2 },
  open_10k: { libsodium: 1.8 },
  seal_1k: { libsodium: 1.8 },
  sign_1k: { libsodium: 1.2, node_crypto: 0.85 },
  verify_1k_known: { libsodium: 1.5, node_crypto: 1.2 },
  derive_key: { noble: 4, node_crypto: 4, webcrypto: 4 },
  plaza_parse: { mqtt_packet: 3 },
  // Our time over theirs: less is better.
  cold_wake: { libsodium: 0.25 },
  recover: { mqtt_js: 2 },
  // In WebAssembly over native, the same Rust.
  native_seal_10k: { native: 0.5 },
  native_sign_1k: { native: 0.5 },
  native_take_store: { native: 0.4 },
};
const TIMES = new Set(["cold_wake", "recover", "recover_cold", "task_recover", "task_stores"]);
const BYTES = new Set(["memory_full", "memory_million"]);
const MEMORY_MAX = 4 << 20;
/** What has no contender has a limit in milliseconds. */
const LIMITS_MS = { recover_cold: 1_000, task_recover: 50, task_stores: 50 };
const COLD_ROUNDS = 7;

export async function bench({ browser = false, json = false, readme = false } = {}) {
  const folder = await buildBench();
  const results = browser ? await inChromium(folder) : await inNode(folder);
  if (!browser) await addNative(results);
  const ops = Object.fromEntries(Object.entries(results).map(([name, found]) => [name, judged(name, found)]));
  const where = browser ? "Chromium" : "Node";
  const lines = table(ops);
  say("");
  say(`${where}, ${machine()}, ${today()}`);
  lines.forEach(say);
  if (readme) writeReadme(where, lines);
  if (json) say(JSON.stringify({ ops, versions: await versions() }));
}

async function inNode(folder) {
  const { median } = await import("../bench/measure.js");
  const { measureAll } = await import("../bench/operations.js");
  const { newCore } = await import(pathToFileURL(join(folder, "light_nara.js")));
  const bytes = readFileSync(join(folder, "light_nara_bg.wasm"));
  const ours = newCore();
  const { memory } = ours.initSync({ module: bytes });
  const { libsodium, noble } = await import("../bench/known.js");
  const [fflate, pako, mqttPacket, nodeCrypto] = await Promise.all(["fflate", "pako", "mqtt-packet", "node:crypto"].map((name) => import(name)));
  const libraries = { ours, memory, sodium: await libsodium(), noble: await noble(), fflate, pako, mqttPacket: { parser: mqttPacket.default.parser, Buffer }, nodeCrypto };
  const results = await measureAll(libraries, tell);

  const samples = { light_nara: [], libsodium: [] };
  for (let round = 0; round < COLD_ROUNDS; round++) {
    for (const who of round % 2 === 0 ? ["light_nara", "libsodium"] : ["libsodium", "light_nara"]) {
      samples[who].push(Number((await execute(process.execPath, [SELF, "--cold", who])).stdout));
    }
  }
  results.cold_wake = { light_nara: median(samples.light_nara), libsodium: median(samples.libsodium) };
  tell("cold_wake", results.cold_wake);

  const { Nara } = await import("light-nara");
  const { default: mqtt } = await import("mqtt");
  await withHost(async ({ plaza }) => {
    const { recovering } = await import("../bench/recover.js");
    addRecovery(results, await recovering({ Nara, mqtt, plaza, median }));
  });
  const fresh = () => {
    const core = newCore();
    const { memory } = core.initSync({ module: bytes });
    return { BenchTaker: core.BenchTaker, bytes: () => memory.buffer.byteLength };
  };
  Object.assign(results, await measureMemory(ours, fresh));
  return results;
}

/** Bytes, not rates: of the module's memory. */
async function measureMemory(maker, fresh) {
  const { memory } = await import("../bench/memory.js");
  // What does not compress fills a stash; the JSON around it is a few bytes.
  const incompressible = JSON.stringify(randomBytes(5_600).toString("base64"));
  const { full, million } = await memory({ maker, fresh, incompressible });
  say(`  wasm memory with 50 full stashes: ${full} bytes, at most ${MEMORY_MAX}; grown by a million messages: ${million}`);
  return { memory_full: { light_nara: full }, memory_million: { light_nara: million } };
}

async function inChromium(folder) {
  await testPrograms();
  await bundleMqttPacket(folder);
  const { median } = await import("../bench/measure.js");
  const { launchChromium } = await import("../tests/support/chromium.js");
  const server = await serve();
  const chromium = await launchChromium();
  try {
    const open = async () => {
      const context = await chromium.newContext();
      const page = await context.newPage();
      page.on("pageerror", (error) => say(String(error)));
      await page.exposeFunction("tell", tell);
      await page.goto(`${server.url}bench/page.html`);
      return { page, close: () => context.close() };
    };
    const { page, close } = await open();
    const results = await page.evaluate((pkg) => window.measure(pkg), `/${relative(root, folder)}/`);
    await close();

    const samples = { light_nara: [], libsodium: [] };
    for (let round = 0; round < COLD_ROUNDS; round++) {
      for (const who of round % 2 === 0 ? ["light_nara", "libsodium"] : ["libsodium", "light_nara"]) {
        const cold = await open();
        samples[who].push(await cold.page.evaluate((who) => window.cold(who), who));
        await cold.close();
      }
    }
    results.cold_wake = { light_nara: median(samples.light_nara), libsodium: median(samples.libsodium) };
    tell("cold_wake", results.cold_wake);

    await withHost(async ({ plaza }) => {
      const { page, close } = await open();
      addRecovery(results, await page.evaluate((plaza) => window.recover(plaza), plaza));
      await close();
      const other = await open();
      const tasks = await other.page.evaluate(([pkg, plaza]) => window.tasks(pkg, plaza), [`/${relative(root, folder)}/`, plaza]);
      await other.close();
      for (const [name, light_nara] of Object.entries(tasks)) {
        results[name] = { light_nara };
        tell(name, results[name]);
      }
    });
    return results;
  } finally {
    await chromium.close();
    await server.close();
  }
}

/** It is written for Node; what it needs of that comes with it. */
async function bundleMqttPacket(folder) {
  const { build: bundle } = await import("esbuild");
  await bundle({
    stdin: { contents: 'globalThis.process ??= { env: {}, nextTick: queueMicrotask }; export * as packets from "mqtt-packet"; export { Buffer } from "buffer";', resolveDir: root },
    bundle: true,
    format: "esm",
    define: { global: "globalThis" },
    outfile: join(folder, "mqtt-packet.js"),
    logLevel: "error",
  });
}

function addRecovery(results, { remembered, cold, mqtt_js }) {
  results.recover = { light_nara: remembered, mqtt_js };
  results.recover_cold = { light_nara: cold };
  tell("recover", results.recover);
  tell("recover_cold", results.recover_cold);
}

async function addNative(results) {
  await run("compile the same operations natively", "cargo", ["bench", "--locked", "--features", "bench", "--bench", "native", "--no-run"], { usual: "about 1 min" });
  const output = await run("measure them", "cargo", ["bench", "--locked", "--features", "bench", "--bench", "native"]);
  const native = JSON.parse(output.trim().split("\n").findLast((line) => line.startsWith("{")));
  for (const name of ["seal_10k", "sign_1k", "take_store"]) {
    results[`native_${name}`] = { light_nara: results[name].light_nara, native: native[name] };
  }
}

async function withHost(use) {
  const { startCommand } = await import("../tests/support/command.js");
  const host = await startCommand();
  try {
    await use(host);
  } finally {
    await host.stop();
  }
}

/** One sample, in a process of its own. */
async function cold(who) {
  const { coldSodium, coldWake } = await import("../bench/cold.js");
  const { SLEEPER } = await import("../bench/known.js");
  if (who === "libsodium") return coldSodium({ entry: "libsodium-wrappers" });
  const bytes = readFileSync(join(root, "www/nara/pkg/light_nara_bg.wasm"));
  return coldWake({ bytes, entry: "light-nara", ...SLEEPER });
}

/** Rates with the ratios that there are goals for; the hardest to reach is named alone, too. */
function judged(name, found) {
  const { light_nara: ours } = found;
  if (name === "memory_full") return { ...found, ratio: ours / MEMORY_MAX, goal: 1 };
  if (name === "memory_million") return { ...found, ratio: ours, goal: 0 };
  if (name in LIMITS_MS) return { ...found, ratio: ours / LIMITS_MS[name], goal: 1 };
  const goals = Object.entries(GOALS[name]).filter(([who]) => found[who] !== undefined);
  const ratios = Object.fromEntries(goals.map(([who, goal]) => [who, { ratio: ours / found[who], goal }]));
  const lag = ({ ratio, goal }) => (TIMES.has(name) ? goal / ratio : ratio / goal);
  const [worst = { ratio: null, goal: null }] = Object.values(ratios).sort((a, b) => lag(a) - lag(b));
  return { ...found, ...worst, ratios };
}

function table(ops) {
  const lines = ["| operation | light nara | others | ratio | goal |", "| --- | ---: | --- | ---: | ---: |"];
  for (const [name, { light_nara, ratio, goal, ratios, ...others }] of Object.entries(ops)) {
    const sign = isLessBetter(name) ? "≤" : "≥";
    const shown = (value) => withUnit(name, value);
    const pairs = Object.values(ratios ?? { only: { ratio, goal } });
    const mark = (pair) => `${pair.ratio.toFixed(2)}${isReached(name, pair) ? "" : " (missed)"}`;
    const rest = Object.entries(others).map(([who, value]) => `${who.replaceAll("_", " ")} ${shown(value)}`);
    lines.push(`| ${name} | ${shown(light_nara)} | ${rest.join(", ")} | ${pairs.map(mark).join("; ")} | ${pairs.map((pair) => `${sign} ${pair.goal}`).join("; ")} |`);
  }
  return lines;
}

function withUnit(name, value) {
  if (BYTES.has(name)) return `${value.toLocaleString("en")} bytes`;
  return TIMES.has(name) ? `${value.toFixed(1)} ms` : `${Math.round(value).toLocaleString("en")}/s`;
}

function isReached(name, { ratio, goal }) {
  return isLessBetter(name) ? ratio <= goal : ratio >= goal;
}

function isLessBetter(name) {
  return TIMES.has(name) || BYTES.has(name);
}

function writeReadme(where, lines) {
  const path = join(root, "README.md");
  const text = readFileSync(path, "utf8");
  const [start, end] = [`<!-- npm run bench: ${where} -->`, `<!-- end: ${where} -->`];
  const [from, to] = [text.indexOf(start), text.indexOf(end)];
  if (from < 0 || to < from) throw new StepError(`README.md has no place for the table of ${where}`);
  const made = [start, `${where}, ${machine()}, ${today()}:`, "", ...lines, end].join("\n");
  writeFileSync(path, text.slice(0, from) + made + text.slice(to + end.length));
}

function tell(name, found) {
  const shown = Object.entries(found).map(([who, value]) => `${who} ${value.toFixed(TIMES.has(name) ? 1 : 0)}`);
  say(`  ${name.padEnd(18)} ${shown.join(", ")}`);
}

function machine() {
  return `${cpus()[0].model.trim()}, ${cpus().length} cores`;
}

function today() {
  return new Date().toISOString().slice(0, 10);
}

async function versions() {
  const { devDependencies } = JSON.parse(readFileSync(join(root, "package.json")));
  return { node: process.version, v8: process.versions.v8, rustc: await ask("rustc", ["--version"]), machine: machine(), ...devDependencies };
}

/** The project's folder for a browser, on this machine alone. */
export async function serve() {
  const server = createServer((request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url, "http://localhost").pathname));
    const file = join(root, path);
    if (path.includes("..") || !existsSync(file) || MIME[extname(file)] === undefined) return response.writeHead(404).end();
    response.writeHead(200, { "Content-Type": MIME[extname(file)], "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" }).end(readFileSync(file));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${server.address().port}/`, close: () => new Promise((resolve) => server.close(resolve).closeAllConnections()) };
}

const MIME = { ".html": "text/html", ".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm" };
const SELF = fileURLToPath(import.meta.url);
const execute = promisify(execFile);

if (isCommand(import.meta.url)) {
  const has = (option) => process.argv.includes(option);
  const place = process.argv.indexOf("--cold");
  if (place > 0) console.log(await cold(process.argv[place + 1]));
  else await runMain(() => bench({ browser: has("--browser"), json: has("--json"), readme: has("--readme") }));
}
