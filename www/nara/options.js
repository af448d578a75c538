// What callers say beside what they want, checked before anything happens: what was passed over would be missed later.

import { NaraError } from "./errors.js";

/** Refuses keys that `names` does not have. `where` stands before them, and `what` is the name of the whole. */
export function checkKeys(options, names, where = "", what = "options") {
  if (options === null || typeof options !== "object") throw invalid(what, "they must be an object");
  for (const key of Object.keys(options)) {
    if (!names.includes(key)) throw invalid(where + key, "no such option");
  }
}

/** Refuses what an operation cannot be told; `more` are options of its own. */
export function checkOperation(options, ...more) {
  checkKeys(options, ["signal", "deadline", ...more]);
  const { signal, deadline } = options;
  if (deadline !== undefined && !(Number.isFinite(deadline) && deadline >= 0)) {
    throw invalid("deadline", "it must be a number of milliseconds, 0 or more");
  }
  if (signal !== undefined && signal !== null && !isSignal(signal)) throw invalid("signal", "it must be an AbortSignal");
}

/** Also one of another window's. */
export function isSignal(value) {
  return typeof value?.aborted === "boolean" && typeof value.addEventListener === "function";
}

export function invalid(field, why) {
  return new NaraError("option_invalid", `${field}: ${why}`);
}
