// The second command: sets up what the tests need, runs every test, and counts.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { build } from "./build.js";
import { linker, npmPackages, rust, rustLinters, testPrograms, wasmBindgen, wasmPack } from "./setup.js";
import { printSizes } from "./size.js";
import { StepError, environment, find, root, run, say, seconds } from "./steps.js";

/** Reads how many tests passed and failed from what a command printed. */
function countCargo(output) {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const [, passed, failed, ignored] of output.matchAll(/^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored/gm)) {
    counts.passed += Number(passed);
    counts.failed += Number(failed);
    counts.skipped += Number(ignored);
  }
  return counts;
}

/** The same for `node --test`; a skipped test has not passed, so it counts as failed. */
function countNode(output) {
  const number = (word) => Number(new RegExp(`^(?:ℹ|#) ${word} (\\d+)`, "m").exec(output)?.[1] ?? 0);
  const skipped = number("skipped") + number("todo");
  return { passed: number("pass"), failed: number("fail") + number("cancelled") + skipped, skipped };
}

/** The same for the simulation, of which each seed is a test. */
function countSeeds(output) {
  const [passed, failed] = /^(\d+) seeds held, (\d+) failed$/m.exec(output)?.slice(1).map(Number) ?? [0, 0];
  return { passed, failed, skipped: 0 };
}

async function main() {
  const startedAt = Date.now();
  const results = [];
  const isReady = await attempt(results, "set-up", setUp);
  // The linters take what the tests leave of the processors.
  if (isReady) await Promise.all([inTurn(results, linters()), inTurn(results, suites())]);
  report(results, startedAt);
}

async function inTurn(results, suites) {
  for (const suite of suites) await attempt(results, suite.name, () => runSuite(suite));
}

async function setUp() {
  await npmPackages();
  await rust();
  await rustLinters();
  await linker();
  await testPrograms();
  await wasmBindgen();
  await wasmPack();
  // Each takes one processor most of the time, and a folder of its own under target.
  [environment.LIGHT_NARA_TRACES] = await Promise.all([nativeTraces(), compileTests(), build().then(printSizes)]);
  return null;
}

/** What two seeds come to natively, the first with a gateway; the tests in WebAssembly must come to the same. */
async function nativeTraces() {
  const plan = ["--seed", "9", "--seeds", "2", "--threads", "1", "--naras", "4", "--minutes", "30", "--json"];
  const output = await run("build the simulation", "cargo", [...SIMULATION, ...plan], { usual: "a minute at first" });
  return [...output.matchAll(/"trace":"([0-9a-f]{16})"/g)].map(([, trace]) => trace).join(",");
}

function compileTests() {
  return run("compile the tests", "cargo", ["test", "--quiet", "--locked", "--no-run", ...TESTS], { usual: "about 1 min" });
}

/** In a folder of their own: cargo lets nobody else work in the one that it works in. */
function linters() {
  const clippy = (name, ...args) => ({ name, program: "cargo", args: ["clippy", "--locked", ...args, "--", "-D", "warnings"], env: { CARGO_TARGET_DIR: join("target", "clippy") }, isPatient: true });
  const wasm = ["--lib", "--target", "wasm32-unknown-unknown"];
  return [
    { name: "cargo fmt", program: "cargo", args: ["fmt", "--check"] },
    clippy("cargo clippy", "--all-targets"),
    clippy("cargo clippy, wasm", ...wasm),
    clippy("cargo clippy, small core", ...wasm, "--no-default-features"),
  ];
}

function suites() {
  const chrome = ["--headless", "--chrome", "--chromedriver", find("chromedriver")];
  // What set-up has installed is all that is used: no-install keeps wasm-pack from fetching its own.
  const wasmPackTest = ["test", "--mode", "no-install"];
  return [
    { name: "wasm-pack test, Node", program: "wasm-pack", args: [...wasmPackTest, "--node", "--", ...TESTS], count: countCargo },
    { name: "wasm-pack test, Chromium", program: "wasm-pack", args: [...wasmPackTest, ...chrome, "--", ...TESTS], env: { WASM_BINDGEN_USE_BROWSER: "1" }, count: countCargo },
    { name: "cargo test", program: "cargo", args: ["test", "--locked", ...TESTS], count: countCargo },
    { name: "simulation", program: "cargo", args: [...SIMULATION, "--seeds", "100", "--naras", "8", "--minutes", "60", "--twice"], count: countSeeds },
    { name: "JavaScript", program: "node", args: nodeTest("js", { atOnce: 3 }), count: countNode },
    { name: "the package, as installed", program: "node", args: nodeTest("package"), count: countNode },
    ...endToEnd("embedded", () => true),
    ...endToEnd("mosquitto", (name) => !NO_PLAZA.has(name)),
    { name: "Paho's asserting broker", program: "node", args: nodeTest("conformance"), count: countNode, needs: PAHO },
  ];
}

/** The page in Chromium on one of the two brokers. */
function endToEnd(plaza, isMeant) {
  const suite = (name, options) => ({ name: `end to end, ${name}`, program: "node", args: nodeTest("e2e", options), env: { PLAZA: plaza }, count: countNode });
  return [
    suite(plaza, { atOnce: 2, only: (name) => isMeant(name) && !TIMED.has(name) }),
    suite(`${plaza}, in time`, { only: (name) => isMeant(name) && TIMED.has(name) }),
  ];
}

/** One file at a time, unless they mostly wait: naras that share two cores with browsers miss their deadlines. */
function nodeTest(folder, { atOnce = 1, only = () => true } = {}) {
  const files = readdirSync(join(root, "tests", folder)).filter((name) => name.endsWith(".test.js") && only(name)).sort();
  return ["--test", `--test-concurrency=${atOnce}`, `--test-timeout=${FILE_MS_MAX}`, "--test-reporter=spec", ...files.map((name) => join("tests", folder, name))];
}

/** Without `count`, the command as a whole is one check. */
async function runSuite({ name, program, args, env = {}, isPatient = false, count = null, needs = null }) {
  if (needs !== null && !process.env[needs.variable]) {
    say(`NOT RUN: ${name}: ${needs.what}`);
    return { passed: 0, failed: 0, skipped: 0, notRun: needs.what };
  }
  try {
    const output = await run(name, program, args, { live: count !== null, limitMs: SUITE_MS_MAX, env, isPatient });
    if (count === null) return { passed: 1, failed: 0, skipped: 0 };
    const counts = count(output);
    if (counts.passed === 0) throw new StepError(`${name}: no test ran`);
    return counts;
  } catch (error) {
    const counts = count?.(error.output ?? "") ?? { passed: 0, failed: 0, skipped: 0 };
    say(error.message);
    return { ...counts, failed: Math.max(counts.failed, 1) };
  }
}

async function attempt(results, name, action) {
  const startedAt = Date.now();
  let counts;
  try {
    counts = await action();
  } catch (error) {
    say(error instanceof StepError ? error.message : error.stack);
    counts = { passed: 0, failed: 1, skipped: 0 };
  }
  if (counts !== null) results.push({ name, ...counts, time: seconds(startedAt) });
  else results.push({ name, passed: 0, failed: 0, skipped: 0, time: seconds(startedAt) });
  return counts === null || counts.failed === 0;
}

function report(results, startedAt) {
  const total = { passed: 0, failed: 0 };
  say("");
  for (const { name, passed, failed, skipped, notRun, time } of results) {
    total.passed += passed;
    total.failed += failed;
    const notes = [`${passed} passed`, failed > 0 && `${failed} failed`, skipped > 0 && `${skipped} skipped`];
    if (notRun !== undefined) {
      say(`NOT RUN ${name}: ${notRun}`);
      continue;
    }
    const what = passed + failed === 0 ? "ready" : notes.filter(Boolean).join(", ");
    say(`${failed > 0 ? "FAILED" : "ok    "}  ${name.padEnd(30)} ${what.padEnd(28)} ${time.padStart(8)}`);
  }
  say(`all of it took ${seconds(startedAt)}`);
  say(`${total.passed} passed, ${total.failed} failed`);
  process.exitCode = total.failed === 0 && total.passed > 0 ? 0 : 1;
}

/** In no registry, so it cannot be set up here; what did not run has not passed. */
const PAHO = { variable: "PAHO_TESTING", what: "set PAHO_TESTING to a copy of github.com/eclipse-paho/paho.mqtt.testing" };

/** What these find out is how long something takes, so each has the machine to itself; the others mostly wait. */
const TIMED = new Set(["faults.test.js", "first-visit.test.js", "network.test.js"]);

/** On mosquitto these would show the same once more: no nara is behind them, or what is read, refused or loaded has no broker in it; memory.test.js starts both brokers by itself. */
const NO_PLAZA = new Set(["access.test.js", "first-visit.test.js", "memory.test.js", "refused.test.js", "states.test.js"]);

const SIMULATION = ["run", "--quiet", "--locked", "--profile", "sim", "--example", "sim", "--"];

/** Not the examples: some of them measure this machine, and the linters look at all. */
const TESTS = ["--lib", "--test", "*"];

/** A file of tests that takes longer has hung: a test that failed left something awake. What it said until then is shown. */
const FILE_MS_MAX = 5 * 60_000;

/** A suite that takes longer has hung. */
const SUITE_MS_MAX = 20 * 60_000;

await main();
