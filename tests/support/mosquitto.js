// Starts a real mosquitto on ports of loopback that are free.
import { spawn } from "node:child_process";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Returns `{ url, stop }`: its WebSocket address, and a function that ends it. */
export async function startMosquitto() {
  const [tcp, webSocket] = await freePorts(2);
  const folder = await mkdtemp(join(tmpdir(), "light-nara-mosquitto-"));
  // Started as root, mosquitto reads its configuration as another user.
  await chmod(folder, 0o755);
  const file = join(folder, "mosquitto.conf");
  // Version 2.0.11 fails with a WebSocket listener alone, hence the first one.
  await writeFile(file, [
    "persistence false",
    "allow_anonymous true",
    "log_dest stderr",
    `listener ${tcp} 127.0.0.1`,
    `listener ${webSocket} 127.0.0.1`,
    "protocol websockets",
    "",
  ].join("\n"));

  const child = spawn("mosquitto", ["-c", file], {
    env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let log = "";
  child.stderr.setEncoding("utf8").on("data", (text) => (log += text));
  const ended = new Promise((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("exit", (code) => resolve(`it ended with ${code}: ${log}`));
  });
  const stop = async () => {
    child.kill("SIGTERM");
    await ended;
    await rm(folder, { recursive: true, force: true });
  };
  const failure = await Promise.race([ended, untilOpen(webSocket)]);
  if (failure !== undefined) {
    await stop();
    throw new Error(`mosquitto did not start: ${failure}`);
  }
  return { url: `ws://127.0.0.1:${webSocket}/mqtt`, stop };
}

/** Ports that nobody listens on now. */
export async function freePorts(count) {
  const servers = await Promise.all(
    Array.from({ length: count }, () => new Promise((resolve, reject) => {
      const server = createServer().once("error", reject);
      server.listen(0, "127.0.0.1", () => resolve(server));
    })),
  );
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

async function untilOpen(port) {
  const deadline = Date.now() + START_MS_MAX;
  while (Date.now() < deadline) {
    const isOpen = await new Promise((resolve) => {
      const socket = connect(port, "127.0.0.1");
      socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
      socket.once("connect", () => socket.destroy());
    });
    if (isOpen) return undefined;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return "it did not open its port within 10 s";
}

const START_MS_MAX = 10_000;
