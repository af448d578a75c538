// Starts a real Redis on a port of loopback that is free.
import { spawn } from "node:child_process";
import { connect } from "node:net";
import { freePorts } from "./mosquitto.js";
import { until } from "./until.js";

/** Returns `{ url, stop }`; `port` puts it where one was before. */
export async function startRedis(port = null) {
  port ??= (await freePorts(1))[0];
  // Nothing is written to disk.
  const args = ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", "/tmp"];
  const child = spawn("redis-server", args, { stdio: ["ignore", "pipe", "inherit"] });
  let log = "";
  child.stdout.setEncoding("utf8").on("data", (text) => (log += text));
  let failure = null;
  const ended = new Promise((resolve) => child.once("error", resolve).once("exit", resolve));
  ended.then((why) => (failure = `${why}: ${log}`));
  await until("the Redis to open its port", () => {
    if (failure !== null) throw new Error(`redis-server did not start: ${failure}`);
    return isOpen(port);
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

function isOpen(port) {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}
