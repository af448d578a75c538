// The entry point for browsers and workers.
export { init, Nara } from "./nara.js";
export { NaraError } from "./errors.js";
