// The stash as applications see it: this nara's own small memory, and what it holds for others.

import { NaraError } from "./errors.js";

const DEADLINE_MS = 10_000;
const GENERATIONS = ["newest", "previous", "earlier"];

/**
 * The object `nara.stash`. `call(run)` runs something on the core and turns its errors into
 * NaraErrors; `operation(options, deadlineMs, begin)` does so for what ends later.
 */
export function stashOf({ peer, call, operation }) {
  const later = (options, begin) => operation(options, DEADLINE_MS, begin);
  const status = () => peer.status();
  return Object.freeze({
    set: async (data, options) => {
      const json = toJson(data);
      return later(options, (ms, done) => peer.set(json, ms, done));
    },
    setStashData: (data) => {
      const json = toJson(data);
      return call(() => peer.setStashData(json));
    },
    get: () => shown(peer.memory()),
    stashData: () => shown(peer.memory()),
    hasStashData: () => peer.memory() !== null,
    beside: () => shown(peer.beside()),
    clearMyStash: () => call(() => peer.clearMyStash()),

    recover: async (options) => shown(await later(options, (ms, done) => peer.recover(ms, done))),
    recoverFromAny: async (options) => shown(await later(options, (ms, done) => peer.recoverFromAny(ms, done))),
    startEmpty: () => call(() => peer.startEmpty()),
    goOnHere: () => call(() => peer.goOn()),

    confidants: () => peer.confidants(),
    targetConfidants: () => status().stash.target,
    setConfidants: async (ids, options) => {
      const checked = checkIds(ids);
      return later(options, (ms, done) => peer.setConfidants(checked, ms, done));
    },
    selectConfidantsAutomatically: async (options) => later(options, (ms, done) => peer.selectConfidants(ms, done)),
    distributeToConfidants: async (options) => later(options, (ms, done) => peer.distribute(ms, done)),
    storeWith: async (id, options) => {
      checkId(id);
      return later(options, (ms, done) => peer.storeWith(id, ms, done));
    },
    requestFrom: async (id, { generation = "newest", ...options } = {}) => {
      checkId(id);
      if (!GENERATIONS.includes(generation)) {
        throw new NaraError("option_invalid", `generation: it must be one of ${GENERATIONS.join(", ")}`);
      }
      return shown(await later(options, (ms, done) => peer.requestFrom(id, generation, ms, done)));
    },
    deleteFrom: async (id, options) => {
      checkId(id);
      return later(options, (ms, done) => peer.deleteFrom(id, ms, done));
    },
    forgetEverywhere: async (options) => later(options, (ms, done) => peer.forgetEverywhere(ms, done)),

    pushTo: (id) => {
      checkId(id);
      return call(() => peer.pushTo(id));
    },
    storedStash: (id) => {
      checkId(id);
      return peer.storedStash(id);
    },
    hasStashFor: (id) => {
      checkId(id);
      return peer.storedStash(id) !== null;
    },
    storedCount: () => status().held.count,
    storageLimit: () => status().held.limit,
    marshalState: () => peer.marshalState(),
  });
}

/** A memory as JSON; throws a NaraError where it cannot be written so, or would come back as something else. */
export function toJson(data) {
  let json;
  try {
    json = JSON.stringify(data, refuseLost);
  } catch (error) {
    throw error instanceof NaraError ? error : notJson(error.message);
  }
  if (json === undefined) throw notJson("it is undefined; null stands for nothing");
  return json;
}

/** JSON drops some things without a word; who saves them would miss them later. */
function refuseLost(key, value) {
  const lost = whatIsLost(value);
  if (lost) throw notJson(`${key === "" ? "it" : JSON.stringify(key)} is ${lost}`);
  return value;
}

function whatIsLost(value) {
  if (typeof value === "function" || typeof value === "symbol") return `a ${typeof value}`;
  if (typeof value === "number" && !Number.isFinite(value)) return String(value);
  return value instanceof Map || value instanceof Set ? `a ${value.constructor.name}` : null;
}

function notJson(why) {
  return new NaraError("not_json", `the memory cannot be written as JSON: ${why}`);
}

function shown(memory) {
  if (memory === null) return null;
  const { json, ...rest } = memory;
  return { data: JSON.parse(json), ...rest };
}

function checkId(id) {
  if (typeof id !== "string" || id === "") throw new NaraError("option_invalid", "id: it must be the id of a nara, a string");
}

function checkIds(ids) {
  if (!Array.isArray(ids)) throw new NaraError("option_invalid", "ids: it must be an array of ids");
  ids.forEach(checkId);
  return ids;
}
