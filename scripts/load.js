// What light nara bears: `npm run load -- [--json] [PART …]`, each part a line of JSON or a table. `npm run scale` is one of them.
import { fork, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { getPriority, setPriority } from "node:os";
import { join, resolve as resolvePath } from "node:path";
import { createInterface } from "node:readline";
import { serve } from "./bench.js";
import { build } from "./build.js";
import { npmPackages, testPrograms } from "./setup.js";
import { StepError, environment, root, run, runMain, say, seconds } from "./steps.js";

await npmPackages();
const { default: mqtt } = await import("mqtt");
const { layBridge } = await import("../tests/support/bridge.js");
const { startCommand } = await import("../tests/support/command.js");
const { startMosquitto } = await import("../tests/support/mosquitto.js");
const { until } = await import("../tests/support/until.js");

/** Parts in the order in which they run without a name; `scale` has a command of its own. */
const PARTS = {
  flood: native,
  stores: (part) => besieged(part, "one in Node", openProcess),
  page: (part) => besieged(part, "one in a page", openPage),
  calls: native,
  recovery: native,
  scale: native,
  restart,
  host: (part) => thousand(part, "on one host", () => startCommand("--residents", "0")),
  mosquitto: (part) => thousand(part, "on one mosquitto", startMosquitto),
};
const USUAL = Object.keys(PARTS).filter((part) => part !== "scale");
/** A part that takes longer has failed. */
const PART_MS_MAX = 20 * 60_000;

const PROCESSES = 2;
const CROWD = 1_000;
const STORES = 300;
/** How much less urgent the native load is than what it loads. */
const YIELDS = 5;
const NICEST = 19;
/** Ticks of /proc a second, on Linux. */
const TICKS = 100;
/** What strangers may cost a second: 200 signatures, the first 256 at once, and 30 for whoever forges under an owner's key. */
const VERIFIED_MAX = 240;
const FLOOD_SECONDS = 30;
const LOAD = ["--profile", "durability", "--example", "load"];
const TARGET = resolvePath(root, process.env.CARGO_TARGET_DIR ?? "target");

let isJson;
/** What the part that runs leaves behind, to be ended. */
const ends = [];
let isInterrupted = false;
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, () => {
    isInterrupted = true;
    endAll().finally(() => process.exit(1));
  });
}

await runMain(async () => {
  const words = process.argv.slice(2);
  isJson = words.includes("--json");
  const asked = words.filter((word) => word !== "--json");
  const unknown = asked.find((word) => !Object.hasOwn(PARTS, word));
  if (unknown !== undefined) throw new StepError(`there is no part ${unknown}; there are ${Object.keys(PARTS).join(", ")}`);
  if (!isJson) say("about 30 min on two cores; each part alone takes 1 to 3, and 1,000 naras take 10");
  await build();
  await testPrograms();
  await run("build the load", "cargo", ["build", "--quiet", "--locked", ...LOAD], { usual: "2 min at first" });
  let broken = 0;
  for (const part of asked.length > 0 ? asked : USUAL) {
    if (isInterrupted) return;
    const report = await toItsEnd(part);
    broken += report.figures.filter(isBroken).length;
    if (isJson) say(JSON.stringify(report));
    else show(report);
  }
  say(broken === 0 ? "all figures are as promised" : `${broken} figures are not as promised`);
  if (broken > 0) process.exitCode = 1;
});

/** One part, which ends in time whatever happens, and leaves nothing behind. */
async function toItsEnd(part) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it did not end within ${PART_MS_MAX / 60_000} min`)), PART_MS_MAX);
  });
  try {
    return await Promise.race([PARTS[part](part), late]);
  } catch (error) {
    const figures = [figure(`failed: ${error.message}`, 1, "", 0)];
    return { part, title: "ended without its figures", figures };
  } finally {
    clearTimeout(timer);
    await endAll();
  }
}

async function endAll() {
  for (const end of ends.splice(0).reverse()) await end();
}

function isBroken({ value, limit }) {
  return limit !== null && !(value !== null && value <= limit);
}

function show({ part, title, figures }) {
  say(`\n${part}: ${title}`);
  for (const figure of figures) {
    const { what, value, unit, limit } = figure;
    const verdict = limit === null ? "" : `  ${isBroken(figure) ? "BROKEN" : "ok"}, at most ${limit}`;
    say(`  ${what.padEnd(58)} ${String(value ?? "none").padStart(14)} ${unit}${verdict}`);
  }
}

/** Tells that long work is alive; not where JSON is asked for. */
function tell(line) {
  if (!isJson) say(`  ${line}`);
}

/** A part of tests/load/run.rs. */
async function native(part) {
  const output = await run(`measure ${part}`, "cargo", ["run", "--quiet", "--locked", ...LOAD, "--", part], { usual: "1 to 3 min", limitMs: PART_MS_MAX });
  return JSON.parse(output.split("\n").find((line) => line.startsWith("{")));
}

/** 200 naras whose broker ends without a word and is back after 2 s. */
async function restart(part) {
  const count = 200;
  let broker = await startMosquitto();
  ends.push(() => broker.stop());
  const { ports, url } = broker;
  const greetings = [];
  const spy = mqtt.connect(url, { reconnectPeriod: 10 });
  ends.push(() => spy.end(true));
  spy.on("connect", () => spy.subscribe("nara/plaza/hey_there"));
  spy.on("message", (topic, payload) => greetings.push([Date.now(), nameIn(payload)]));
  const crowds = Array.from({ length: PROCESSES }, () => startNaras());
  const untilOnline = () => until(`${count} naras to be online`, async () => {
    const answers = await Promise.all(crowds.map((crowd) => crowd.ask({})));
    return answers.reduce((sum, { online }) => sum + online, 0) === count;
  }, 120_000);
  await Promise.all(crowds.map((crowd) => crowd.ask({ wake: count / PROCESSES, plaza: url })));
  await untilOnline();
  await broker.kill();
  await pause(2_000);
  greetings.length = 0;
  broker = await startMosquitto({ ports });
  const backAt = Date.now();
  await untilOnline();
  const tookMs = Date.now() - backAt;
  await pause(10_000);
  return {
    part,
    title: "200 naras on one mosquitto that is restarted",
    figures: [
      figure("all are back after", tookMs / 1_000, "s", 40),
      figure("greetings heard", greetings.length, ""),
      figure("naras whose greeting was not heard", count - new Set(greetings.map(([, name]) => name)).size, "", 0),
      figure("greetings of one nara in 5 s, at most", mostWithin(greetings, 5_000), "", 1),
    ],
  };
}

/** 1,000 naras, in native processes: what the broker takes, and how long a store does. */
async function thousand(part, where, open) {
  const plaza = await open();
  ends.push(() => plaza.stop());
  const each = CROWD / PROCESSES;
  const startedAt = Date.now();
  const crowds = Array.from({ length: PROCESSES }, (_, n) => {
    return startLoad(["crowd", plaza.plaza ?? plaza.url, n * each, each, STORES / PROCESSES].map(String));
  });
  const online = () => crowds.reduce((sum, { last }) => sum + (last.online ?? 0), 0);
  const progress = setInterval(() => tell(`${seconds(startedAt)}: ${online()} of ${CROWD} naras are online`), 10_000);
  ends.push(() => clearInterval(progress));
  await until(`${CROWD} naras to be online`, () => {
    crowds.forEach((crowd) => crowd.check());
    return online() === CROWD;
  }, 900_000);
  const joined = { seconds: (Date.now() - startedAt) / 1_000, cpu: usage(plaza.pid).cpuSeconds };
  clearInterval(progress);
  tell(`${seconds(startedAt)}: all are online; ${STORES} stores, ten a second`);
  await pause(10_000);
  const processes = [plaza, ...crowds];
  const before = processes.map(({ pid }) => usage(pid));
  const storesAt = Date.now();
  const results = await Promise.all(crowds.map((crowd) => crowd.order("times", 120_000)));
  const took = (Date.now() - storesAt) / 1_000;
  const after = processes.map(({ pid }) => usage(pid));
  const busy = after.map(({ cpuSeconds }, n) => ((cpuSeconds - before[n].cpuSeconds) / took) * 100);
  const times = results.flatMap(({ times }) => times).sort((a, b) => a - b);
  const place = (percent) => times[Math.round(((times.length - 1) * percent) / 100)] ?? null;
  return {
    part,
    title: `1,000 naras ${where}, in ${PROCESSES} processes on the same machine`,
    figures: [
      figure("all are online after", joined.seconds, "s"),
      figure("broker, processor until then", joined.cpu, "s in all"),
      figure("broker, processor while they store", busy[0], "% of a core"),
      figure("broker, memory", after[0].mib, "MiB"),
      figure("naras, processor while they store", busy[1] + busy[2], "% of a core"),
      figure("naras, memory each", ((after[1].mib + after[2].mib) * 1_024) / CROWD, "KiB"),
      figure("stores made", times.length, ""),
      figure("stores failed", results.reduce((sum, { failed }) => sum + failed, 0), "", 0),
      figure("a store with three confidants, median", place(50), "ms"),
      figure("a store with three confidants, p99", place(99), "ms"),
    ],
  };
}

/** A full confidant on a mosquitto that is offered 500 stores a second, one in ten of an honest owner. */
async function besieged(part, where, open) {
  const broker = await startMosquitto();
  ends.push(() => broker.stop());
  // The WebSockets of mosquitto 2.0.11 itself deliver some 150 stores a second to one client, and then drop them.
  const bridge = await layBridge(broker.tcp);
  ends.push(() => bridge.stop());
  const confidant = await open(bridge.url);
  await until("the confidant to be online", confidant.isOnline);
  const flood = startLoad(["stores", bridge.url, confidant.id]);
  const { owners } = await flood.next("owners", 60_000);
  const before = await confidant.look(owners);
  if (before.held !== owners.length) throw new Error(`the confidant holds ${before.held} of ${owners.length} stashes`);
  tell(`the confidant is full; 500 stores a second for ${FLOOD_SECONDS} s`);
  const longest = confidant.watch?.();
  const cpuBefore = confidant.pid && usage(confidant.pid).cpuSeconds;
  const flooded = await flood.order("answered", 120_000);
  const busy = confidant.pid && [figure("the confidant's processor", ((usage(confidant.pid).cpuSeconds - cpuBefore) / FLOOD_SECONDS) * 100, "% of a core")];
  const tasks = longest && [figure("longest task on the page's main thread", await longest(), "ms", 50)];
  const after = await confidant.look(owners);
  const shed = (after.drops.shed ?? 0) - (before.drops.shed ?? 0);
  return {
    part,
    title: `a full confidant, ${where}, offered 500 stores a second through mosquitto`,
    figures: [
      figure("offered", flooded.offered, "stores"),
      figure("offered each second", flooded.rate, ""),
      figure("… of which an honest owner's", flooded.honest, "in all"),
      figure("honest updates unanswered", flooded.honest - flooded.answered, "", 0),
      figure("honest updates answered, median", flooded.median, "ms"),
      figure("honest updates answered, p99", flooded.p99, "ms", 250),
      figure("honest owners evicted", owners.length - after.held, "", 0),
      figure("shed before verification", shed, "stores"),
      figure("strangers' and forgers' stores verified each second", (flooded.offered - flooded.honest - shed) / FLOOD_SECONDS, "", VERIFIED_MAX),
      figure("growth of the heap, the core's memory with it", (after.heap - before.heap) / 2 ** 20, "MiB", 8),
      ...(busy ?? tasks),
    ],
  };
}

async function openProcess(plaza) {
  const naras = startNaras(["--expose-gc"]);
  await naras.ask({ wake: 1, plaza, memory: "high" });
  const { name } = await naras.ask({ look: [] });
  return {
    id: name,
    pid: naras.pid,
    isOnline: async () => (await naras.ask({})).online === 1,
    look: (owners) => naras.ask({ look: owners }),
  };
}

async function openPage(plaza) {
  const { launchChromium } = await import("../tests/support/chromium.js");
  const server = await serve();
  ends.push(() => server.close());
  const chromium = await launchChromium();
  ends.push(() => chromium.close());
  const page = await chromium.newPage();
  await page.goto(`${server.url}tests/load/page.html`);
  const id = await page.evaluate((plaza) => window.wake(plaza), plaza);
  const tools = await page.context().newCDPSession(page);
  return {
    id,
    isOnline: () => page.evaluate(() => window.isOnline()),
    async look(owners) {
      await tools.send("HeapProfiler.collectGarbage");
      const { usedSize, embedderHeapUsedSize = 0, backingStorageSize = 0 } = await tools.send("Runtime.getHeapUsage");
      const looked = await page.evaluate((owners) => window.look(owners), owners);
      return { ...looked, heap: usedSize + embedderHeapUsedSize + backingStorageSize + looked.wasm };
    },
    watch() {
      const longest = page.evaluate(() => window.watch());
      return async () => {
        await page.evaluate(() => window.enough());
        return longest;
      };
    },
  };
}

/** A process with naras of the package, which answers what it is asked. */
function startNaras(execArgv = []) {
  const child = fork(join(root, "tests", "load", "naras.js"), { execArgv });
  ends.push(() => child.kill("SIGKILL"));
  const waiting = new Map();
  child.on("message", (answer) => waiting.get(answer.id)(answer));
  let count = 0;
  return {
    pid: child.pid,
    ask: (question) => new Promise((resolve, reject) => {
      count += 1;
      waiting.set(count, resolve);
      child.once("exit", (code, signal) => reject(new Error(`a process with naras ended with ${code ?? signal}`)));
      child.send({ ...question, id: count });
    }),
  };
}

/** The native load, which says what it sees in lines of JSON, and begins when it is told to. */
function startLoad(words) {
  const child = spawn(join(TARGET, "durability", "examples", "load"), words, { env: environment, stdio: ["pipe", "pipe", "pipe"] });
  let complaint = "";
  let hasEnded = false;
  child.stderr.setEncoding("utf8").on("data", (text) => (complaint = (complaint + text).slice(-1_000)));
  child.once("error", (error) => (complaint = error.message));
  child.once("close", () => (hasEnded = true));
  child.stdin.on("error", () => {});
  ends.push(() => child.kill("SIGKILL"));
  // The broker is one thread among hundreds, and is not what should wait.
  if (child.pid !== undefined) setPriority(child.pid, Math.min(getPriority() + YIELDS, NICEST));
  const last = {};
  createInterface({ input: child.stdout }).on("line", (line) => Object.assign(last, JSON.parse(line)));
  const check = () => {
    if (hasEnded) throw new Error(`load ${words[0]} ended too soon: ${complaint}`);
  };
  const next = (key, timeoutMs) => until(`load ${words[0]} to say ${key}`, () => {
    if (last[key] === undefined) check();
    return last[key] !== undefined && last;
  }, timeoutMs);
  const order = (key, timeoutMs) => {
    child.stdin.write("\n");
    return next(key, timeoutMs);
  };
  return { pid: child.pid, last, check, next, order };
}

/** The most that one name has within a span. */
function mostWithin(said, spanMs) {
  let most = 0;
  for (const [at, name] of said) {
    most = Math.max(most, said.filter(([other, who]) => who === name && other >= at && other < at + spanMs).length);
  }
  return most;
}

function nameIn(payload) {
  return /"From":"([^"]*)"/.exec(payload.toString())?.[1] ?? payload.toString("base64");
}

/** Seconds of processor time and MiB of memory of a process. */
function usage(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ");
  const kib = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
  return { cpuSeconds: (Number(stat[11]) + Number(stat[12])) / TICKS, mib: kib / 1_024 };
}

function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function figure(what, value, unit, limit = null) {
  return { what, value: value === null ? null : Math.round(value * 1_000) / 1_000, unit, limit };
}
