// Starts a real mosquitto on ports of loopback that are free.
import { spawn } from "node:child_process";
import { chmod, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * Returns `{ url, tcp, stop, kill, pid, ports }`: its addresses, and functions
 * that end it, with and without a word. `ports` puts it where one was before.
 * `conf` is what it is told, with the ports 1883 and 9001 and the folder
 * /etc/mosquitto, which become others; `files` are beside it there, and
 * `prepare` may make more of them.
 */
export async function startMosquitto({ ports = null, ...told } = {}) {
  for (let tries = 1; ; tries += 1) {
    try {
      return await startOn(ports ?? (await freePorts(2)), told);
    } catch (error) {
      // Another test may have got a port that was free before.
      if (ports !== null || tries === TRIES_MAX || !TAKEN.test(error.message)) throw error;
    }
  }
}

async function startOn([tcp, webSocket], { conf = CONF, files = {}, prepare = () => {} }) {
  const folder = await mkdtemp(join(tmpdir(), "light-nara-mosquitto-"));
  // Started as root, mosquitto reads its configuration as another user.
  await chmod(folder, 0o755);
  const file = join(folder, "mosquitto.conf");
  const told = conf.replace("listener 1883", `listener ${tcp}`).replace("listener 9001", `listener ${webSocket}`).replaceAll("/etc/mosquitto", folder);
  await writeFile(file, `log_dest stderr\n${told}`);
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  prepare(folder);
  for (const name of await readdir(folder)) await chmod(join(folder, name), 0o644);

  const child = spawn("mosquitto", ["-c", file], {
    env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let log = "";
  child.stderr.setEncoding("utf8").on("data", (text) => (log += text));
  const ended = new Promise((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("close", (code) => resolve(`it ended with ${code}: ${log}`));
  });
  const end = async (signal) => {
    child.kill(signal);
    await ended;
    await rm(folder, { recursive: true, force: true });
  };
  const stop = () => end("SIGTERM");
  const failure = await Promise.race([ended, untilOpen(webSocket, () => RUNNING.test(log))]);
  if (failure !== undefined) {
    await stop();
    throw new Error(`mosquitto did not start: ${failure}`);
  }
  const url = `ws://127.0.0.1:${webSocket}/mqtt`;
  return { url, tcp: `mqtt://127.0.0.1:${tcp}`, stop, kill: () => end("SIGKILL"), pid: child.pid, ports: [tcp, webSocket] };
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

/** Whoever opened the port: it is this one only once `isRunning` says so. */
async function untilOpen(port, isRunning) {
  const deadline = Date.now() + START_MS_MAX;
  while (Date.now() < deadline) {
    const isOpen = await new Promise((resolve) => {
      const socket = connect(port, "127.0.0.1");
      socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
      socket.once("connect", () => socket.destroy());
    });
    if (isOpen && isRunning()) return undefined;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return "it did not open its port within 10 s";
}

// Version 2.0.11 fails with a WebSocket listener alone, hence the first one, and
// without socket_domain its WebSockets are on every address of the machine.
const CONF = `persistence false
allow_anonymous true
listener 1883 127.0.0.1
listener 9001 127.0.0.1
socket_domain ipv4
protocol websockets
`;
const START_MS_MAX = 10_000;
const TRIES_MAX = 3;
const RUNNING = / running$/m;
const TAKEN = /Address already in use|Unable to create websockets listener/;
