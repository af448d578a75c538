// Starts a real Redis on a port of loopback that is free.
import { spawn } from "node:child_process";
import { freePorts } from "./mosquitto.js";
import { until } from "./until.js";

/** Returns `{ url, port, stop }`; `port` puts it where one was before. */
export async function startRedis(port = null) {
  for (let tries = 1; ; tries += 1) {
    try {
      return await startOn(port ?? (await freePorts(1))[0]);
    } catch (error) {
      // Another test may have got a port that was free before.
      if (port !== null || tries === TRIES_MAX || !/Address already in use/.test(error.message)) throw error;
    }
  }
}

async function startOn(port) {
  // Nothing is written to disk.
  const args = ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", "/tmp"];
  const child = spawn("redis-server", args, { stdio: ["ignore", "pipe", "inherit"] });
  let log = "";
  child.stdout.setEncoding("utf8").on("data", (text) => (log += text));
  let failure = null;
  const ended = new Promise((resolve) => child.once("error", resolve).once("close", resolve));
  ended.then((why) => (failure = `${why}: ${log}`));
  await until("the Redis to open its port", () => {
    if (failure !== null) throw new Error(`redis-server did not start: ${failure}`);
    return /Ready to accept connections/.test(log);
  });
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    async stop() {
      child.kill("SIGTERM");
      await ended;
    },
  };
}

const TRIES_MAX = 3;
