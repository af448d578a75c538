// What several hosts share through a Redis, so that they are one plaza: what is said, and the last wills.
import { Readable } from "node:stream";
import { UsageError } from "./usage.js";

/** How often a host says that it is alive; one that was silent for three times as long is gone. */
export const HEARTBEAT_MS = 2_000;

/**
 * Connects to a Redis; resolves with `{ mq, keepWills, isOpen, onLost }`: what
 * the broker sends through, what puts its wills there, whether the Redis is
 * reached now, and whom to call when it is no longer.
 */
export async function openRedis(url) {
  const { Redis, emitter } = await load();
  const options = { lazyConnect: true, connectTimeout: CONNECT_MS_MAX };
  // What cannot be said now is lost, as on any plaza; it must not pile up here.
  const pubConn = new Redis(url, { ...options, enableOfflineQueue: false, autoResubscribe: false });
  const subConn = new Redis(url, { ...options, maxRetriesPerRequest: null });
  const all = [pubConn, subConn];
  const close = () => all.forEach((one) => one.disconnect());
  let why = "";
  for (const one of all) one.on("error", (error) => (why = error.message));
  try {
    await Promise.all(all.map((one) => one.connect()));
  } catch (error) {
    close();
    // Without the address: it may have a password.
    throw new UsageError(`the Redis of --redis cannot be reached (${why || error.message})`);
  }
  const mq = emitter({ pubConn, subConn, matchEmptyLevels: true });
  // Whatever else is said on that Redis, which has no more than one space of channels, is nothing of ours.
  for (const event of ["messageBuffer", "pmessageBuffer"]) {
    for (const hear of subConn.listeners(event)) {
      subConn.off(event, hear);
      subConn.on(event, (...said) => attempt(() => hear(...said)));
    }
  }
  // The emitter passes on each trouble of its connections; they mend by themselves.
  mq.state.on("error", () => {});
  mq.close = (done) => {
    close();
    done?.();
  };
  return {
    mq,
    keepWills: (broker, mayPublish) => keepWills(broker, pubConn, mayPublish),
    isOpen: () => all.every((one) => one.status === "ready"),
    onLost: (tell) => all.forEach((one) => one.on("close", tell)),
  };
}

/** They are not installed with the package, which most people use in a page. */
async function load() {
  try {
    const [{ Redis }, { default: emitter }] = await Promise.all([import("ioredis"), import("mqemitter-redis")]);
    return { Redis, emitter };
  } catch (error) {
    if (error.code !== "ERR_MODULE_NOT_FOUND") throw error;
    throw new UsageError("--redis needs two packages more: npm install mqemitter-redis ioredis");
  }
}

/**
 * Puts the wills of a broker's clients into Redis, one hash for each host: the
 * others publish them when it ends without a word. The broker does so by
 * itself, with whatever `streamWill` gives it of hosts that are not alive.
 */
function keepWills(broker, redis, mayPublish) {
  const { persistence } = broker;
  const mine = WILLS + broker.id;
  const putWill = persistence.putWill.bind(persistence);
  const delWill = persistence.delWill.bind(persistence);
  persistence.putWill = async (client, packet) => {
    await putWill(client, packet);
    if (packet.payload.length > WILL_BYTES_MAX) return;
    const will = JSON.stringify({ topic: packet.topic, payload: packet.payload.toString("base64") });
    await quietly(redis.multi().sadd(HOSTS, broker.id).hset(mine, client.id, will).exec());
  };
  persistence.delWill = async (client) => {
    // The broker asks for this after each will of the dead, too; those are gone already.
    if (client.id === undefined) return undefined;
    await quietly(redis.hdel(mine, client.id));
    return delWill(client);
  };
  persistence.streamWill = (alive) => Readable.from(willsOfTheDead(redis, broker.id, alive, mayPublish));
}

async function* willsOfTheDead(redis, me, alive, mayPublish) {
  for (const brokerId of (await quietly(redis.smembers(HOSTS))) ?? []) {
    if (brokerId === me || alive[brokerId] !== undefined) continue;
    // Whoever takes the host off the list publishes its wills, so they come once.
    const [wills, left] = (await quietly(redis.multi().hgetall(WILLS + brokerId).srem(HOSTS, brokerId).del(WILLS + brokerId).exec())) ?? [];
    if (left?.[1] !== 1) continue;
    for (const text of Object.values(wills[1] ?? {})) {
      const { topic, payload } = attempt(() => JSON.parse(text)) ?? {};
      if (typeof topic !== "string" || typeof payload !== "string" || !mayPublish(topic)) continue;
      // Said by this host: under the name of the dead one it would pass for something that was heard of it already.
      yield { cmd: "publish", topic, payload: Buffer.from(payload, "base64"), qos: 0, retain: false };
    }
  }
}

/** What others put there may be anything; a host must not end for that. */
function attempt(run) {
  try {
    return run();
  } catch {
    return undefined;
  }
}

/** While the Redis is away there are no wills; a host must not end for that. */
async function quietly(promise) {
  return promise.catch(() => undefined);
}

const CONNECT_MS_MAX = 5_000;
const HOSTS = "light-nara:hosts";
const WILLS = "light-nara:wills:";
/** A nara's will has some 500 bytes. */
const WILL_BYTES_MAX = 2_048;
