// Runs the command `light-nara` as a process of its own, as a user would.
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

/** Runs it to its end; returns `{ code, stdout, stderr }`. */
export async function runCommand(...args) {
  const host = spawnCommand(args);
  const code = await host.ended;
  return { code, stdout: host.stdout(), stderr: host.stderr() };
}

/** Starts it on a free port; returns once it says that it is awake. */
export async function startCommand(...args) {
  const host = spawnCommand(["--port", "0", ...args]);
  const deadline = Date.now() + START_MS_MAX;
  for (;;) {
    const url = /light-nara is awake: (\S+)/.exec(host.stdout())?.[1];
    const plaza = /the plaza is (\S+);/.exec(host.stdout())?.[1];
    if (url !== undefined && plaza !== undefined) return { ...host, url, plaza };
    if (host.hasEnded() || Date.now() > deadline) {
      await host.stop();
      throw new Error(`light-nara did not wake: ${host.stdout()}${host.stderr()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Starts it and waits for nothing. */
export function spawnCommand(args) {
  const child = spawn(process.execPath, [CLI, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  let hasEnded = false;
  child.stdout.setEncoding("utf8").on("data", (text) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text) => (stderr += text));
  const ended = new Promise((resolve) => child.once("close", (code, signal) => resolve(code ?? signal)));
  ended.then(() => (hasEnded = true));
  return {
    ended,
    pid: child.pid,
    hasEnded: () => hasEnded,
    stdout: () => stdout,
    stderr: () => stderr,
    async stop(signal = "SIGINT") {
      child.kill(signal);
      return await ended;
    },
  };
}

const CLI = fileURLToPath(new URL("../../host/cli.js", import.meta.url));
const START_MS_MAX = 30_000;
