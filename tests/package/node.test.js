// The package as installed from its tarball: in Node, as a command, and as tools that know packages see it.
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { cp, readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { until } from "../support/until.js";
import { fixture, installed } from "./installed.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const run = promisify(execFile);
const { resolve } = createRequire(import.meta.url);

let folder;
let tarball;
before(async () => ({ folder, tarball } = await installed()));

/** Runs a program in the other project. */
async function elsewhere(name, source) {
  await writeFile(join(folder, name), source);
  return (await run(process.execPath, [name], { cwd: folder, timeout: 30_000 })).stdout.trim();
}

/** Runs a tool of ours; what it complains of is the error. */
async function tool(path, args, cwd = root) {
  try {
    return (await run(process.execPath, [path, ...args], { cwd, timeout: 60_000 })).stdout;
  } catch (error) {
    throw new Error(`${error.stdout}${error.stderr}`);
  }
}

test("Node imports it, and ends by itself once its naras sleep", async () => {
  assert.equal(await elsewhere("main.mjs", `
    import { Nara, NaraError } from "light-nara";
    import { Nara as WorkerNara, NaraError as WorkerError } from "light-nara/worker";
    const plaza = "ws://127.0.0.1:9/mqtt";
    const naras = await Promise.all([Nara.wake({ plaza }), Nara.wake({ plaza, memory: "hog" }), WorkerNara.wake({ plaza })]);
    console.log(...naras.map((nara) => typeof nara.soul), NaraError.prototype instanceof Error, NaraError === WorkerError);
    await Promise.all(naras.map((nara) => nara.sleep()));
  `), "string string string true true");
});

test("CommonJS requires it, and gets the same nara", async () => {
  assert.equal(await elsewhere("main.cjs", `
    const { Nara, load } = require("light-nara");
    (async () => {
      const nara = await Nara.wake({ plaza: "ws://127.0.0.1:9/mqtt" });
      const all = await load();
      console.log(nara instanceof all.Nara, typeof nara.soul);
      await nara.sleep();
    })();
  `), "true string");
});

test("the core can be found by its name, as can package.json", async () => {
  assert.equal(await elsewhere("core.mjs", `
    import { readFile } from "node:fs/promises";
    import { createRequire } from "node:module";
    import { init } from "light-nara";
    const { resolve } = createRequire(import.meta.url);
    await init(await readFile(resolve("light-nara/light_nara_bg.wasm")));
    console.log(JSON.parse(await readFile(resolve("light-nara/package.json"))).name);
  `), "light-nara");
});

test("npx light-nara starts a host whose page and plaza are there", { timeout: 60_000 }, async (t) => {
  const child = spawn("npx", ["--no-install", "light-nara", "--port", "0", "--residents", "1"], { cwd: folder, detached: true, stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise((resolve) => child.once("close", resolve));
  // npx starts the command by way of a shell, so the group is told.
  const stop = () => (process.kill(-child.pid, "SIGTERM"), ended);
  t.after(() => child.exitCode ?? child.signalCode ?? stop());
  let stdout = "";
  child.stdout.setEncoding("utf8").on("data", (text) => (stdout += text));
  await until("the host", () => stdout.includes("living here: "));
  const page = await fetch(/light-nara is awake: (\S+)/.exec(stdout)[1]);
  assert.equal(page.status, 200);
  assert.match(await page.text(), /<!doctype html>/i);
  await stop();
});

test("what is only for building it is not in the tarball", async () => {
  const { stdout } = await run("tar", ["-tzf", tarball]);
  const files = stdout.trim().split("\n").map((path) => path.replace(/^package\//, ""));
  assert.deepEqual(files.filter((path) => /^(src|scripts|tests|bench|target|\.)|\.gitignore$/.test(path)), []);
  const { exports } = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
  for (const path of JSON.stringify(exports).matchAll(/"\.\/([^"]+\.\w+)"(?!:)/g)) assert.ok(files.includes(path[1]), path[1]);
});

test("publint finds nothing to mend", async () => {
  assert.match(await tool(join(root, "node_modules/publint/src/cli.js"), ["run", tarball, "--strict"]), /All good!/);
});

for (const [profile, entries] of [["node16", ["."]], ["esm-only", ["worker", "worker-side"]]]) {
  test(`attw finds the types of ${entries.join(" and ")} right under every resolution of ${profile}`, async () => {
    const attw = join(root, "node_modules/@arethetypeswrong/cli/dist/index.js");
    const report = JSON.parse(await tool(attw, [tarball, "--profile", profile, "--entrypoints", ...entries, "--format", "json"]));
    assert.deepEqual(Object.keys(report.analysis.entrypoints).length, entries.length);
  });
}

test("tsc accepts the examples as strictly as it can, with and without the types of a browser, and refuses what is forbidden", async () => {
  const types = await fixture(folder, "types");
  await cp(join(root, "examples/guest-book.js"), join(types, "guest-book.js"));
  const tsc = resolve("typescript/bin/tsc");
  for (const project of ["tsconfig.json", "tsconfig.node.json"]) await tool(tsc, ["--project", project], types);
});
