// What light nara bears: `npm run load -- [--json] [PART …]`, each part a line of JSON or a table. `npm run scale` is one of them.
import { fork } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import mqtt from "mqtt";
import { startCommand } from "../tests/support/command.js";
import { startMosquitto } from "../tests/support/mosquitto.js";
import { until } from "../tests/support/until.js";
import { build } from "./build.js";
import { StepError, root, run, runMain, say } from "./steps.js";

/** Parts in the order in which they run without a name; `scale` has a command of its own. */
const PARTS = {
  flood: native,
  calls: native,
  recovery: native,
  scale: native,
  restart,
  host: () => thousand("host", "on one host", () => startCommand("--residents", "0")),
  mosquitto: () => thousand("mosquitto", "on one mosquitto", startMosquitto),
};
const USUAL = Object.keys(PARTS).filter((part) => part !== "scale");

const PROCESSES = 2;
const STORES = 100;
/** Ticks of /proc a second, on Linux. */
const TICKS = 100;

await runMain(async () => {
  const words = process.argv.slice(2);
  const isJson = words.includes("--json");
  const asked = words.filter((word) => word !== "--json");
  const unknown = asked.find((word) => !Object.hasOwn(PARTS, word));
  if (unknown !== undefined) throw new StepError(`there is no part ${unknown}; there are ${Object.keys(PARTS).join(", ")}`);
  if (!isJson) say("about 15 min on two cores; each part alone takes 1 to 4");
  await build();
  let broken = 0;
  for (const part of asked.length > 0 ? asked : USUAL) {
    const report = await PARTS[part](part);
    broken += report.figures.filter(isBroken).length;
    if (isJson) say(JSON.stringify(report));
    else show(report);
  }
  say(broken === 0 ? "all figures are as promised" : `${broken} figures are not as promised`);
  if (broken > 0) process.exitCode = 1;
});

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

/** A part of tests/load/run.rs. */
async function native(part) {
  const output = await run(`measure ${part}`, "cargo", ["run", "--quiet", "--locked", "--profile", "sim", "--example", "load", "--", part], { usual: "1 to 3 min" });
  return JSON.parse(output.split("\n").find((line) => line.startsWith("{")));
}

/** 200 naras whose broker ends without a word and is back after 2 s. */
async function restart() {
  const count = 200;
  let broker = await startMosquitto();
  const { ports, url } = broker;
  const greetings = [];
  const spy = mqtt.connect(url, { reconnectPeriod: 50 });
  spy.on("connect", () => spy.subscribe("nara/plaza/hey_there"));
  spy.on("message", (topic, payload) => greetings.push([Date.now(), nameIn(payload)]));
  const crowds = await wake(count, url);
  try {
    await untilOnline(crowds, count, 120_000);
    await broker.kill();
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    greetings.length = 0;
    broker = await startMosquitto({ ports });
    const backAt = Date.now();
    await untilOnline(crowds, count, 120_000);
    const tookMs = Date.now() - backAt;
    await new Promise((resolve) => setTimeout(resolve, 10_000));
    return {
      part: "restart",
      title: "200 naras on one mosquitto that is restarted",
      figures: [
        figure("all are back after", tookMs / 1_000, "s", 40),
        figure("greetings heard", greetings.length, ""),
        figure("greetings of one nara in 5 s, at most", mostWithin(greetings, 5_000), "", 1),
      ],
    };
  } finally {
    spy.end(true);
    crowds.forEach(({ child }) => child.kill("SIGKILL"));
    await broker.stop();
  }
}

/** 1,000 naras: what the broker takes, and how long a store does. */
async function thousand(part, where, open) {
  const count = 1_000;
  const plaza = await open();
  const crowds = await wake(count, plaza.plaza ?? plaza.url);
  try {
    await untilOnline(crowds, count, 300_000);
    const before = usage(plaza.pid);
    const startedAt = Date.now();
    const ends = await Promise.all(crowds.map(({ ask }) => ask({ store: STORES })));
    const seconds = (Date.now() - startedAt) / 1_000;
    const after = usage(plaza.pid);
    const times = ends.flatMap(({ times }) => times).sort((a, b) => a - b);
    const place = (percent) => times[Math.round(((times.length - 1) * percent) / 100)] ?? null;
    return {
      part,
      title: `1,000 naras ${where}, in ${crowds.length} processes on the same machine`,
      figures: [
        figure("broker, processor", ((after.cpuSeconds - before.cpuSeconds) / seconds) * 100, "% of a core"),
        figure("broker, memory", after.mib, "MiB"),
        figure("naras, processor", crowds.map(({ child }) => usage(child.pid).cpuSeconds).reduce((sum, one) => sum + one, 0), "s in all"),
        figure("naras, memory each", crowds.map(({ child }) => usage(child.pid).mib).reduce((sum, one) => sum + one, 0) / count, "MiB"),
        figure("stores made", times.length, ""),
        figure("stores failed", ends.reduce((sum, { failed }) => sum + failed, 0), ""),
        figure("a store with three confidants, median", place(50), "ms"),
        figure("a store with three confidants, p99", place(99), "ms"),
      ],
    };
  } finally {
    crowds.forEach(({ child }) => child.kill("SIGKILL"));
    await plaza.stop();
  }
}

/** Naras in as many processes as there are cores here. */
async function wake(count, plaza) {
  const crowds = Array.from({ length: PROCESSES }, () => {
    const child = fork(join(root, "tests", "load", "naras.js"));
    const waiting = new Map();
    child.on("message", (answer) => waiting.get(answer.id)?.(answer));
    const ask = (question) => new Promise((resolve) => {
      const id = waiting.size;
      waiting.set(id, resolve);
      child.send({ ...question, id });
    });
    return { child, ask };
  });
  await Promise.all(crowds.map(({ ask }) => ask({ wake: count / PROCESSES, plaza })));
  return crowds;
}

function untilOnline(crowds, count, timeoutMs) {
  return until(`${count} naras to be online`, async () => {
    const answers = await Promise.all(crowds.map(({ ask }) => ask({})));
    return answers.reduce((sum, { online }) => sum + online, 0) === count;
  }, timeoutMs);
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

function figure(what, value, unit, limit = null) {
  return { what, value: value === null ? null : Math.round(value * 1_000) / 1_000, unit, limit };
}
