// The stash as applications see it: this nara's own small memory, and what it holds for others.

import { NaraError } from "./errors.js";
import { checkOperation } from "./options.js";

const DEADLINE_MS = 10_000;
const GENERATIONS = ["newest", "previous", "earlier"];

/**
 * The object `nara.stash`. `run(...command)` asks the core, `change(...command)` does so while the nara is awake, and
 * `operation(options, deadlineMs, ...command)` for what ends later.
 */
export function stashOf({ run, change, operation }) {
  const later = (options, ...command) => operation(options, DEADLINE_MS, ...command);
  const status = () => run("status");
  return Object.freeze({
    set: async (data, options) => {
      const json = toJson(data);
      return later(options, "set", json);
    },
    setStashData: (data) => change("setStashData", toJson(data)),
    get: () => shown(run("memory")),
    stashData: () => shown(run("memory")),
    hasStashData: () => run("memory") !== null,
    beside: () => shown(run("beside")),
    clearMyStash: () => change("clearMyStash"),

    recover: async (options) => shown(await later(options, "recover")),
    recoverFromAny: async (options) => shown(await later(options, "recoverFromAny")),
    startEmpty: () => change("startEmpty"),
    goOnHere: () => change("goOn"),

    confidants: () => run("confidants"),
    targetConfidants: () => status().stash.target,
    setConfidants: async (ids, options) => later(options, "setConfidants", ...checkIds(ids)),
    selectConfidantsAutomatically: async (options) => later(options, "selectConfidants"),
    distributeToConfidants: async (options) => later(options, "distribute"),
    storeWith: async (id, options) => later(options, "storeWith", checkId(id)),
    requestFrom: async (id, given = {}) => {
      checkOperation(given, "generation");
      const { generation = "newest", ...options } = given;
      checkId(id);
      if (!GENERATIONS.includes(generation)) {
        throw new NaraError("option_invalid", `generation: it must be one of ${GENERATIONS.join(", ")}`);
      }
      return shown(await later(options, "requestFrom", id, generation));
    },
    deleteFrom: async (id, options) => later(options, "deleteFrom", checkId(id)),
    forgetEverywhere: async (options) => later(options, "forgetEverywhere"),

    pushTo: (id) => change("pushTo", checkId(id)),
    storedStash: (id) => stored(run("storedStash", checkId(id))),
    hasStashFor: (id) => run("storedStash", checkId(id)) !== null,
    storedCount: () => status().held.count,
    storageLimit: () => status().held.limit,
    marshalState: () => run("marshalState"),
  });
}

/** A memory as JSON; throws a NaraError where it cannot be written so, or would come back as something else. */
export function toJson(data, what = "the memory") {
  try {
    const json = JSON.stringify(data, refuseLost);
    if (json === undefined) throw new TypeError("it is undefined; null stands for nothing");
    return json;
  } catch (error) {
    throw new NaraError("not_json", `${what} cannot be written as JSON: ${error.message}`);
  }
}

/** JSON drops some things without a word; who saves them would miss them later. */
function refuseLost(key, value) {
  const lost = whatIsLost(value);
  if (lost) throw new TypeError(`${key === "" ? "it" : JSON.stringify(key)} is ${lost}`);
  return value;
}

function whatIsLost(value) {
  if (typeof value === "function" || typeof value === "symbol") return `a ${typeof value}`;
  if (typeof value === "number" && !Number.isFinite(value)) return String(value);
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return "binary data, which JSON has no form for";
  return value instanceof Map || value instanceof Set ? `a ${value.constructor.name}` : null;
}

function shown(memory) {
  if (memory === null) return null;
  const { json, ...rest } = memory;
  return { data: JSON.parse(json), ...rest };
}

function stored(stash) {
  return stash && { ...stash, nonce: bytesOf(stash.nonce), ciphertext: bytesOf(stash.ciphertext) };
}

function bytesOf(base64) {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

function checkId(id) {
  if (typeof id !== "string" || id === "") throw new NaraError("option_invalid", "id: it must be the id of a nara, a string");
  return id;
}

function checkIds(ids) {
  if (!Array.isArray(ids)) throw new NaraError("option_invalid", "ids: it must be an array of ids");
  return ids.map(checkId);
}
