// Starts the asserting broker of the Eclipse Paho testing project: a broker that
// holds what clients send against the MQTT specification, and says so.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { layBridge } from "./bridge.js";
import { freePorts } from "./mosquitto.js";
import { until } from "./until.js";

/** `folder` is a copy of github.com/eclipse-paho/paho.mqtt.testing. Returns `{ url, log, stop }`. */
export async function startPaho(folder) {
  const interoperability = join(folder, "interoperability");
  if (!existsSync(join(interoperability, "startbroker.py"))) throw new Error(`${interoperability} has no startbroker.py`);
  const [port] = await freePorts(1);
  const temporary = await mkdtemp(join(tmpdir(), "light-nara-paho-"));
  const file = join(temporary, "broker.conf");
  await writeFile(file, `message_size_limit 65536\nlistener ${port} 127.0.0.1\n`);
  const child = spawn("python3", ["-u", "startbroker.py", "-c", file], { cwd: interoperability, stdio: ["ignore", "pipe", "pipe"] });
  let log = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text) => (log += text));
  const ended = new Promise((resolve) => {
    child.once("error", (error) => resolve((log += error.message)));
    child.once("exit", resolve);
  });
  // Of a WebSocket frame with more than one packet, as MQTT 3.1.1 allows them (6.0), it reads one, and the next when more comes.
  const bridge = await layBridge(`tcp://127.0.0.1:${port}`);
  const stop = async () => {
    await bridge.stop();
    child.kill("SIGKILL");
    await ended;
    await rm(temporary, { recursive: true, force: true });
  };
  try {
    await until("the broker to listen", () => {
      if (child.exitCode !== null) throw new Error(`it ended: ${log}`);
      return /Starting TCP listener|listening/i.test(log);
    }, 15_000);
  } catch (error) {
    await stop();
    throw error;
  }
  return { url: bridge.url, log: () => log, stop };
}
