// What the commands share in reading what was typed.
import { parseArgs } from "node:util";

/** A sentence for the person who typed the command. */
export class UsageError extends Error {
  name = "UsageError";
}

/** The options and words of a command line. */
export function parse(args, options) {
  try {
    return parseArgs({ args, options, allowPositionals: true });
  } catch (error) {
    throw new UsageError(`${error.message.split(". ")[0].replace(/^\w/, (letter) => letter.toLowerCase())}; --help lists what there is`);
  }
}

/** A whole number from 0 to `max`. */
export function readNumber(name, text, max) {
  const number = Number(text);
  if (!/^\d+$/.test(text) || number > max) {
    throw new UsageError(`--${name} takes a whole number from 0 to ${max}, not "${text}"`);
  }
  return number;
}
