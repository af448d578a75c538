// Runs one step of set-up, build or test, and says what it does and for how long.
import { spawn } from "node:child_process";
import { accessSync, constants, realpathSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { homedir, constants as os, setPriority } from "node:os";

/** The folder of the project. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Where tools are installed that belong to this project alone. */
export const toolsDir = join(root, ".tools");

// The project's own tools win over those of the machine, because their versions
// are the ones that Cargo.lock asks for; sbin is where Debian keeps mosquitto.
const searchPath = [
  join(toolsDir, "bin"),
  join(process.env.CARGO_HOME ?? join(homedir(), ".cargo"), "bin"),
  ...(process.env.PATH ?? "").split(delimiter),
  "/usr/sbin",
];

/** The environment that every command of ours runs in. */
export const environment = { ...process.env, PATH: searchPath.join(delimiter) };

/** A sentence for the person at the keyboard; shown without a stack trace. */
export class StepError extends Error {}

/** The path of an installed program, or null. */
export function find(program) {
  for (const folder of searchPath) {
    const path = join(folder, program);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // not in this folder
    }
  }
  return null;
}

/** The output of a short command, or null if it is missing or fails. */
export async function ask(program, args) {
  const path = find(program);
  if (path === null) return null;
  const { code, output } = await collect(path, args, {});
  return code === 0 ? output.trim() : null;
}

/**
 * Runs a command to its end and returns what it printed.
 * While it is silent, its last line is repeated now and then, so that a long
 * step is seen to be alive; all of its output is shown when it fails, or as it
 * comes with `live`. After `limitMs` it is ended, and has failed. `env` is put on top of the environment. With `isPatient`
 * it gets what others leave of the processors.
 */
export async function run(title, program, args, { live = false, usual = "", limitMs = Infinity, env = {}, isPatient = false } = {}) {
  const path = find(program);
  if (path === null) throw new StepError(`${title}: ${program} is not installed`);
  const startedAt = Date.now();
  say(`${title}${usual && ` (${usual})`} …`);
  let lastLine = "";
  let spokeAt = startedAt;
  const heartbeat = setInterval(() => {
    if (Date.now() - spokeAt < HEARTBEAT_MS) return;
    spokeAt = Date.now();
    say(`  ${seconds(startedAt)} ${title}: ${lastLine || "still running"}`);
  }, 1_000);
  const { code, output } = await collect(path, args, {
    limitMs,
    env,
    isPatient,
    onText(text) {
      if (live) {
        process.stdout.write(text);
        spokeAt = Date.now();
      } else {
        lastLine = lastWords(text) ?? lastLine;
      }
    },
  });
  clearInterval(heartbeat);
  if (code !== 0) {
    if (!live) process.stdout.write(output);
    const error = new StepError(`${title} failed (${program} ended with ${code}) after ${seconds(startedAt)}`);
    error.output = output;
    throw error;
  }
  say(`${title}: done in ${seconds(startedAt)}`);
  return output;
}

/** Prints one line. */
export function say(line) {
  process.stdout.write(`${line}\n`);
}

/** The time since `startedAt`, as people read it. */
export function seconds(startedAt) {
  return `${((Date.now() - startedAt) / 1000).toFixed(1)} s`;
}

/** Whether the module at `url` is the one that node was asked to run. */
export function isCommand(url) {
  return process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(url);
}

/** Runs `main`, and turns a failure into a sentence and exit code 1. */
export async function runMain(main) {
  try {
    await main();
  } catch (error) {
    process.stderr.write(`${error instanceof StepError ? error.message : error.stack}\n`);
    process.exitCode = 1;
  }
}

function collect(path, args, { onText = () => {}, limitMs = Infinity, env = {}, isPatient = false }) {
  return new Promise((resolve) => {
    const child = spawn(path, args, { cwd: root, env: { ...environment, ...env }, stdio: ["ignore", "pipe", "pipe"] });
    if (isPatient && child.pid !== undefined) setPriority(child.pid, os.priority.PRIORITY_LOW);
    const limit = limitMs === Infinity ? null : setTimeout(() => child.kill("SIGKILL"), limitMs);
    let output = "";
    const take = (text) => {
      output += text;
      onText(text);
    };
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", take);
    const end = (code, words = "") => {
      clearTimeout(limit);
      resolve({ code, output: output + words });
    };
    child.on("error", (error) => end(error.code, error.message));
    // Its own children may hold the pipes open for longer than it lives.
    child.on("exit", (code, signal) => setTimeout(end, PIPES_MS, code ?? signal).unref());
    child.on("close", (code, signal) => end(code ?? signal));
  });
}

/** The last line of some output that says anything. */
function lastWords(text) {
  return text.split("\n").findLast((line) => line.trim() !== "")?.trim().slice(0, LINE_LENGTH_MAX);
}

const HEARTBEAT_MS = 20_000;
const LINE_LENGTH_MAX = 100;
const PIPES_MS = 2_000;
