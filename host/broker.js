// The embedded plaza: an MQTT broker behind WebSockets, with a limit on everything.
import { Duplex } from "node:stream";
import { Aedes } from "aedes";
import { WebSocketServer } from "ws";
import { HEARTBEAT_MS, openRedis } from "./redis.js";

/** The largest MQTT packet that is taken, header included. */
export const PACKET_SIZE_MAX = 65_536;
/** The number of sockets that may be open at once: a thousand naras, and those that come back before they are missed. */
export const CONNECTIONS_MAX = 1_024;
/** The number of topic filters that one client may hold. */
export const SUBSCRIPTIONS_MAX = 64;
/** What may wait for one client that reads too slowly, before it is cut off. */
export const UNREAD_BYTES_MAX = 1_048_576;

/**
 * Opens a plaza, and returns the ways into it and out of it. All that are
 * opened with the same Redis are one plaza.
 */
export async function openPlaza({ redis = null } = {}) {
  const shared = redis === null ? null : await openRedis(redis);
  const broker = await Aedes.createBroker({
    ...(shared === null ? {} : { mq: shared.mq, heartbeatInterval: HEARTBEAT_MS }),
    maxInflightInbound: 16,
    maxTopicLevels: TOPIC_LEVELS_MAX,
    connectTimeout: 10_000,
    preConnect,
    authenticate,
    authorizePublish,
    authorizeSubscribe,
    authorizeForward,
  });
  shared?.keepWills(broker, mayPublish);
  // Wills of hosts that ended are looked for again and again; a round that fails is no end of this one.
  broker.on("error", () => {});
  const sockets = new WebSocketServer({
    noServer: true,
    // A frame may carry several packets; the packets are measured one by one below.
    maxPayload: 4 * PACKET_SIZE_MAX,
    perMessageDeflate: false,
    handleProtocols: () => "mqtt",
  });
  // Whoever were left connected would take the silence of the others for their end.
  shared?.onLost(() => sockets.clients.forEach((socket) => socket.terminate()));
  return {
    isFull: () => sockets.clients.size >= CONNECTIONS_MAX,
    isOpen: () => shared?.isOpen() ?? true,
    welcome(request, socket, head) {
      sockets.handleUpgrade(request, socket, head, (webSocket) => {
        broker.handle(new PacketStream(webSocket), request);
      });
    },
    async close() {
      await new Promise((resolve) => broker.close(resolve));
      for (const socket of sockets.clients) socket.terminate();
    },
  };
}

/** Nothing outlives its connection: no sessions, no retained wills. A will is put where its client could speak itself. */
function preConnect(client, packet, done) {
  if (packet.will && !mayPublish(packet.will.topic)) return done(new Error("a will cannot go to this topic"), false);
  packet.clean = true;
  if (packet.will) packet.will.retain = false;
  done(null, true);
}

/** Anyone may come in; the name they give decides which mesh topic is theirs. */
function authenticate(client, user, password, done) {
  client.meshTopic = user ? MESH + user : null;
  done(null, true);
}

/** Topics with $ are the broker's own. */
function mayPublish(topic) {
  return topic !== "" && !/^\$|[#+]/.test(topic) && topic.split("/").length <= TOPIC_LEVELS_MAX;
}

function authorizePublish(client, packet, done) {
  if (!mayPublish(packet.topic)) return done(new Error("nothing may be published there"));
  packet.retain = false;
  done(null);
}

function authorizeSubscribe(client, subscription, done) {
  const { topic } = subscription;
  const isForeign = topic.startsWith(MESH) && topic !== client.meshTopic;
  const isFull = Object.keys(client.subscriptions).length >= SUBSCRIPTIONS_MAX;
  if (topic.startsWith("$") || isForeign || isFull) return done(null, null);
  done(null, subscription);
}

/** A wildcard reaches no further into the mesh than the client's own topic. */
function authorizeForward(client, packet) {
  const isForeign = packet.topic.startsWith(MESH) && packet.topic !== client.meshTopic;
  return isForeign || packet.topic.startsWith("$") ? null : packet;
}

/** A WebSocket as the stream of bytes that the broker reads, with oversized packets refused. */
class PacketStream extends Duplex {
  #socket;
  #meter = new PacketMeter();

  constructor(socket) {
    super();
    this.#socket = socket;
    socket.on("message", (data) => this.#take(data));
    socket.on("close", () => this.destroy());
    socket.on("error", () => this.destroy());
    // The broker stops listening before the last error of a dying socket may come.
    this.on("error", () => {});
  }

  #take(data) {
    if (this.destroyed) return;
    if (this.#meter.isExceededBy(data)) {
      this.#socket.close(TOO_BIG, "an MQTT packet over 64 KiB");
      this.destroy();
    } else if (!this.push(data)) {
      this.#socket.pause();
    }
  }

  _read() {
    this.#socket.resume();
  }

  /** The broker waits for nobody: it would keep everybody waiting. Who does not read is cut off instead. */
  _write(chunk, encoding, done) {
    // A socket that is closing takes nothing more, and that is no error of the broker's.
    if (this.#socket.readyState === this.#socket.OPEN) {
      if (this.#socket.bufferedAmount > UNREAD_BYTES_MAX) this.#socket.terminate();
      else this.#socket.send(chunk, { binary: true });
    }
    done();
  }

  /** The broker writes each packet in five pieces; they go as one message, which costs both ends a fifth. */
  _writev(chunks, done) {
    this._write(Buffer.concat(chunks.map(({ chunk }) => chunk)), "buffer", done);
  }

  _final(done) {
    this.#socket.close();
    done();
  }

  _destroy(error, done) {
    this.#socket.close();
    done(error);
  }
}

/** Follows the lengths that MQTT packets announce, across whatever chunks they come in. */
class PacketMeter {
  #isInLength = false;
  #length = 0;
  #lengthBytes = 0;
  #remaining = 0;

  isExceededBy(data) {
    let at = 0;
    while (at < data.length) {
      if (this.#remaining > 0) {
        const step = Math.min(this.#remaining, data.length - at);
        this.#remaining -= step;
        at += step;
      } else if (!this.#isInLength) {
        this.#isInLength = true;
        this.#length = 0;
        this.#lengthBytes = 0;
        at += 1;
      } else {
        const byte = data[at];
        at += 1;
        this.#length += (byte & 0x7f) * 128 ** this.#lengthBytes;
        this.#lengthBytes += 1;
        if (1 + this.#lengthBytes + this.#length > PACKET_SIZE_MAX || this.#lengthBytes > 4) return true;
        if (byte < 0x80) {
          this.#isInLength = false;
          this.#remaining = this.#length;
        }
      }
    }
    return false;
  }
}

const MESH = "nara/mesh/";
const TOPIC_LEVELS_MAX = 16;
const TOO_BIG = 1009;
