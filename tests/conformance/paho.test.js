// A day of a nara on the asserting broker of the Eclipse Paho testing project,
// which reports whoever breaks MQTT 3.1.1. It is in no registry: PAHO_TESTING
// names a copy of github.com/eclipse-paho/paho.mqtt.testing.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import packets from "mqtt-packet";
import WebSocket from "ws";
import { Neighbourhood, untilPeers } from "../support/naras.js";
import { startPaho } from "../support/paho.js";
import { until } from "../support/until.js";

/** What the broker writes where a client breaks a rule, or itself. */
const COMPLAINT = /^(ERROR|WARNING|CRITICAL).*|.*Traceback.*|.*AssertionError.*|.*[Ii]nvalid.*|.*violat.*/gm;

let broker;
before(async () => {
  assert.ok(process.env.PAHO_TESTING, "PAHO_TESTING must name a copy of github.com/eclipse-paho/paho.mqtt.testing");
  broker = await startPaho(process.env.PAHO_TESTING);
});
after(() => broker?.stop());

test("the broker has nothing to report of naras that wake, store, go and recover", { timeout: 120_000 }, async (t) => {
  const neighbours = new Neighbourhood(broker.url);
  t.after(() => neighbours.sleep());
  await neighbours.wakeMany(4);
  const nara = await neighbours.wake();
  await untilPeers(nara, 4);
  const memory = { text: "häß 😀".repeat(500) };
  await nara.stash.set(memory);
  const { soul, name } = nara;
  await nara.sleep();
  const again = await neighbours.wake({ soul, name });
  const recovered = await again.stash.recover({ deadline: 30_000 });
  assert.deepEqual(recovered.data, memory);
  await until("all of it to be safe", () => again.status().stash.safe);
  await neighbours.sleep();
  const log = broker.log();
  assert.match(log, /MQTT-3\.1\.2/, "the broker did not say what it checked");
  assert.deepEqual(log.match(COMPLAINT) ?? [], []);
});

test("it does report who breaks a rule, so that its silence means something", { timeout: 30_000 }, async () => {
  const socket = new WebSocket(broker.url, "mqtt");
  await new Promise((resolve) => socket.once("open", resolve));
  const answered = new Promise((resolve) => socket.once("message", resolve));
  socket.send(packets.generate({ cmd: "connect", protocolId: "MQTT", protocolVersion: 4, clientId: "raw", clean: true, keepalive: 60 }));
  await answered;
  // A PUBLISH to "a/#" (MQTT 3.1.1, section 3.3.2.1).
  socket.send(Buffer.from([0x30, 6, 0, 3, 0x61, 0x2f, 0x23, 0x31]));
  await until("the complaint", () => (broker.log().match(COMPLAINT) ?? []).some((line) => line.includes("MQTT-3.3.2-2")));
  socket.terminate();
});
