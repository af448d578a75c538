// The option `storage`: where the application keeps the soul from one visit to the next, and who held the memory.

import { NaraError } from "./errors.js";

const KEY = "light-nara:soul";
const HOLDERS_KEY = "light-nara:holders";

/** What waits for a storage, by storage: who wakes on an empty one must not find it empty twice. */
const busy = new WeakMap();

/** Runs one after the other what uses the same storage. */
export async function inTurn(storage, run) {
  if (storage === undefined) return run();
  const before = busy.get(storage);
  const turn = Promise.resolve(before).then(run);
  busy.set(storage, turn.catch(() => {}));
  return turn;
}

/** Refuses what cannot be a storage. */
export function checkStorage(storage) {
  if (storage === undefined) return;
  for (const method of ["get", "set"]) {
    if (typeof storage?.[method] !== "function") throw new NaraError("option_invalid", `storage.${method}: it must be a function`);
  }
}

/** The soul that is remembered, if any. Refuses to go on as another, which would replace it. */
export async function soulFrom(storage, given) {
  const remembered = await ask("get", () => storage?.get(KEY));
  if (remembered === undefined || remembered === null) return undefined;
  if (typeof remembered !== "string") throw failed("get", "it gave no string");
  if (given !== undefined && given !== remembered) {
    throw new NaraError("option_invalid", `soul: the storage remembers another one, and would lose it; remove "${KEY}" there first`);
  }
  return remembered;
}

/** Remembers a soul. */
export async function keepSoul(storage, soul) {
  await ask("set", () => storage?.set(KEY, soul));
}

/** Who held the memory, if that is remembered: ids and public keys, as `holdersKeeper` kept them. */
export async function holdersFrom(storage) {
  const remembered = await ask("get", () => storage?.get(HOLDERS_KEY));
  return typeof remembered === "string" ? remembered : undefined;
}

/** Returns what remembers holders, one list after the other. Where that fails, the next start takes a little longer, and no more. */
export function holdersKeeper(storage, newest) {
  let turn = Promise.resolve();
  return (holders) => {
    if (storage === undefined || holders === "" || holders === newest) return;
    newest = holders;
    turn = turn.then(() => ask("set", () => storage.set(HOLDERS_KEY, holders))).catch(() => {});
  };
}

async function ask(method, run) {
  try {
    return await run();
  } catch (error) {
    throw failed(method, error?.message ?? error, error);
  }
}

function failed(method, why, cause) {
  return new NaraError("storage_failed", `storage.${method}: ${why}`, { cause });
}
