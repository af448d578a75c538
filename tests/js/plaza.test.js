// What the embedded plaza carries, and what it refuses.
import assert from "node:assert/strict";
import { once } from "node:events";
import { after, afterEach, before, test } from "node:test";
import mqtt from "mqtt";
import packets from "mqtt-packet";
import { WebSocket } from "ws";
import { PACKET_SIZE_MAX, SUBSCRIPTIONS_MAX, UNREAD_BYTES_MAX } from "../../host/broker.js";
import { startServer } from "../../host/server.js";
import { until } from "../support/until.js";

let server;
before(async () => (server = await startServer({ port: 0, listen: "127.0.0.1" })));
after(() => server?.close());

const clients = [];
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.endAsync(true)));
});

/** A plain MQTT client that remembers what it heard. */
async function visitor(options = {}) {
  const client = await mqtt.connectAsync(server.plaza, { reconnectPeriod: 0, ...options });
  client.heard = [];
  client.on("message", (topic, payload, { retain, qos }) => client.heard.push({ topic, payload: String(payload), retain, qos }));
  client.on("error", () => {});
  clients.push(client);
  return client;
}

/** What a subscription was granted: 0 for yes, 128 for no. */
function granted(client, topic) {
  return new Promise((resolve) => {
    client.subscribe(topic, (error, asked, answer) => resolve(answer.granted[0]));
  });
}

/** How the host answers a WebSocket with these subprotocols. */
function knock(url, subprotocols) {
  return new Promise((resolve) => {
    const socket = new WebSocket(url, subprotocols);
    socket.once("open", () => resolve({ status: 101, socket }));
    socket.once("unexpected-response", (_, response) => {
      response.resume();
      resolve({ status: response.statusCode });
    });
    socket.once("error", () => {});
  });
}

test("a message reaches whoever subscribed", async () => {
  const [listener, speaker] = [await visitor(), await visitor()];
  assert.equal(await granted(listener, "nara/plaza/#"), 0);
  await speaker.publishAsync("nara/plaza/hey_there", "hey");
  await until("the message", () => listener.heard.length === 1);
  assert.deepEqual(listener.heard, [{ topic: "nara/plaza/hey_there", payload: "hey", retain: false, qos: 0 }]);
});

test("a socket without the subprotocol mqtt is refused", async () => {
  assert.equal((await knock(server.plaza, [])).status, 400);
  assert.equal((await knock(server.plaza, ["mqttv3.1"])).status, 400);
});

test("mqtt is chosen among the subprotocols that are offered", async () => {
  const { status, socket } = await knock(server.plaza, ["chat", "mqtt"]);
  assert.equal(status, 101);
  assert.equal(socket.protocol, "mqtt");
  socket.terminate();
});

test("a socket at another path is refused", async () => {
  assert.equal((await knock(new URL("/elsewhere", server.plaza), ["mqtt"])).status, 404);
});

/** A connected raw socket, for packets that no client would send. */
async function rawSocket() {
  const { socket } = await knock(server.plaza, ["mqtt"]);
  const answered = new Promise((resolve) => socket.once("message", resolve));
  socket.send(packets.generate({ cmd: "connect", protocolId: "MQTT", protocolVersion: 4, clientId: `raw-${Math.random()}`, clean: true, keepalive: 0 }));
  await answered;
  return socket;
}

/** A publish packet of exactly this many bytes, header included. */
function publishOf(size) {
  const topic = "nara/plaza/size";
  const empty = packets.generate({ cmd: "publish", topic, qos: 0, payload: Buffer.alloc(PACKET_SIZE_MAX / 2) }).length - PACKET_SIZE_MAX / 2;
  const packet = packets.generate({ cmd: "publish", topic, qos: 0, payload: Buffer.alloc(size - empty, "x") });
  assert.equal(packet.length, size);
  return packet;
}

function closing(socket) {
  return new Promise((resolve) => socket.once("close", (code) => resolve(code)));
}

test("a packet of 64 KiB passes", async () => {
  const listener = await visitor();
  await granted(listener, "nara/plaza/size");
  const socket = await rawSocket();
  socket.send(publishOf(PACKET_SIZE_MAX));
  await until("the packet", () => listener.heard.length === 1);
  socket.terminate();
});

test("a packet over 64 KiB is refused, and nobody hears it", async () => {
  const listener = await visitor();
  await granted(listener, "nara/plaza/size");
  const socket = await rawSocket();
  socket.send(publishOf(PACKET_SIZE_MAX + 1));
  assert.equal(await closing(socket), 1009);
  assert.deepEqual(listener.heard, []);
});

test("a packet over 64 KiB is refused as soon as its header is in, however it is cut", async () => {
  const socket = await rawSocket();
  const closed = closing(socket);
  for (const byte of publishOf(PACKET_SIZE_MAX + 1).subarray(0, 8)) socket.send(Buffer.of(byte));
  assert.equal(await closed, 1009);
});

test("small packets in one frame, or cut anywhere, are taken one by one", async () => {
  const listener = await visitor();
  await granted(listener, "nara/plaza/size");
  const socket = await rawSocket();
  const bytes = Buffer.concat([publishOf(40_000), publishOf(40_000), packets.generate({ cmd: "pingreq" }), publishOf(20_000)]);
  socket.send(bytes);
  for (let at = 0; at < bytes.length; at += 777) socket.send(bytes.subarray(at, at + 777));
  await until("six messages", () => listener.heard.length === 6);
  socket.terminate();
});

test("each packet from the host comes in one frame", async () => {
  const speaker = await visitor();
  const socket = await rawSocket();
  const frames = [];
  socket.on("message", (data) => frames.push(data));
  socket.send(packets.generate({ cmd: "subscribe", messageId: 1, subscriptions: [{ topic: "nara/plaza/frames", qos: 0 }] }));
  await until("the answer", () => frames.length === 1);
  await speaker.publishAsync("nara/plaza/frames", "hey");
  await until("the packet", () => frames.length > 1);
  assert.deepEqual(frames.slice(1), [packets.generate({ cmd: "publish", topic: "nara/plaza/frames", payload: "hey" })]);
  socket.terminate();
});

test("a length that never ends is refused", async () => {
  const socket = await rawSocket();
  const closed = closing(socket);
  socket.send(Buffer.of(0x30, 0x80, 0x80, 0x80, 0x80, 0x80));
  assert.equal(await closed, 1009);
});

test("bytes that are no MQTT end the connection and nothing else", async () => {
  const { socket } = await knock(server.plaza, ["mqtt"]);
  const closed = closing(socket);
  socket.send("GET / HTTP/1.1\r\n\r\n".repeat(50));
  await closed;
  const client = await visitor();
  assert.equal(client.connected, true);
});

test("nothing is kept for those who come later", async () => {
  const speaker = await visitor();
  await speaker.publishAsync("nara/plaza/hey_there", "early", { retain: true });
  const listener = await visitor();
  await granted(listener, "nara/plaza/hey_there");
  await speaker.publishAsync("nara/plaza/hey_there", "late");
  await until("the later message", () => listener.heard.length > 0);
  assert.deepEqual(listener.heard.map(({ payload }) => payload), ["late"]);
});

test("a session that asks to be kept is not", async () => {
  const absent = await visitor({ clientId: "absent", clean: false });
  await granted(absent, "nara/plaza/hey_there");
  await absent.endAsync(true);
  const speaker = await visitor();
  await speaker.publishAsync("nara/plaza/hey_there", "missed", { qos: 1 });
  const back = await visitor({ clientId: "absent", clean: false });
  await granted(back, "nara/plaza/chau");
  await speaker.publishAsync("nara/plaza/chau", "heard");
  await until("a message", () => back.heard.length > 0);
  assert.deepEqual(back.heard.map(({ payload }) => payload), ["heard"]);
});

test("a mesh topic is for the user of that name", async () => {
  const owner = await visitor({ username: "alice" });
  assert.equal(await granted(owner, "nara/mesh/alice"), 0);
  for (const topic of ["nara/mesh/bob", "nara/mesh/+", "nara/mesh/#"]) {
    assert.equal(await granted(owner, topic), 128, topic);
  }
  assert.equal(await granted(await visitor(), "nara/mesh/undefined"), 128);
});

test("wildcards do not reach into the mesh of others", async () => {
  const eavesdropper = await visitor({ username: "eve" });
  for (const topic of ["#", "nara/#", "nara/+/alice", "+/mesh/alice"]) await granted(eavesdropper, topic);
  const alice = await visitor({ username: "alice" });
  await granted(alice, "nara/mesh/alice");
  const speaker = await visitor();
  await speaker.publishAsync("nara/mesh/alice", "secret");
  await until("the message", () => alice.heard.length === 1);
  await speaker.publishAsync("nara/plaza/chau", "open");
  await until("the open message", () => eavesdropper.heard.length > 0);
  assert.ok(eavesdropper.heard.every(({ payload }) => payload === "open"));
});

test("what the broker says of itself is not for visitors", async () => {
  const client = await visitor();
  assert.equal(await granted(client, "$SYS/#"), 128);
  client.publish("$SYS/fake", "x");
  await until("the connection to end", () => !client.connected);
});

test("a client holds a bounded number of subscriptions", async () => {
  const client = await visitor();
  for (let n = 0; n < SUBSCRIPTIONS_MAX; n += 1) assert.equal(await granted(client, `nara/newspaper/${n}`), 0);
  assert.equal(await granted(client, "nara/newspaper/more"), 128);
});

test("a will is spoken when a client is lost, and not kept", async () => {
  const listener = await visitor();
  await granted(listener, "nara/plaza/gone");
  const lost = await visitor({ will: { topic: "nara/plaza/gone", payload: Buffer.from("lost"), retain: true } });
  lost.stream.destroy();
  await until("the will", () => listener.heard.length === 1);
  assert.equal(listener.heard[0].retain, false);
  const late = await visitor();
  await granted(late, "nara/plaza/gone");
  await granted(late, "nara/plaza/chau");
  assert.deepEqual(late.heard, []);
});

test("a will goes where its client could speak itself, or the client does not come in", async () => {
  for (const topic of ["$SYS/x", "nara/#", "nara/+/gone", "a/".repeat(16)]) {
    await assert.rejects(mqtt.connectAsync(server.plaza, { reconnectPeriod: 0, will: { topic, payload: Buffer.from("lost") } }, false), topic);
  }
});

test("who does not read is cut off, and keeps nobody waiting", { timeout: 120_000 }, async () => {
  const [listener, speaker, crowd] = [await visitor(), await visitor(), await visitor()];
  await granted(listener, "nara/plaza/hey_there");
  const lazy = await rawSocket();
  let isLost = false;
  lazy.once("close", () => (isLost = true));
  const answered = once(lazy, "message");
  lazy.send(packets.generate({ cmd: "subscribe", messageId: 1, subscriptions: [{ topic: "nara/x", qos: 0 }] }));
  await answered;
  // It reads no more, so that the buffers between fill up.
  lazy.pause();
  const payload = Buffer.alloc(PACKET_SIZE_MAX - 100);
  for (let sent = 0; sent < 20 * UNREAD_BYTES_MAX; sent += payload.length) crowd.publish("nara/x", payload);
  for (let n = 0; n < 200; n++) crowd.publish("nara/x", "small");
  await crowd.publishAsync("nara/plaza/hey_there", "behind it all");
  // A broker that waits for its socket to drain gives up after ten seconds.
  await until("what was said behind it all", () => listener.heard.length === 1, 9_000);
  await speaker.publishAsync("nara/plaza/hey_there", "and by others");
  await until("what others say", () => listener.heard.length === 2, 9_000);
  lazy.resume();
  await until("the end of who did not read", () => isLost);
});
