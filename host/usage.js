// What the commands share in reading what was typed.
import { parseArgs } from "node:util";

/** A sentence for the person who typed the command. */
export class UsageError extends Error {
  name = "UsageError";
}

/** The options and words of a command line. */
export function parse(args, options) {
  try {
    return parseArgs({ args: withNumbers(args, options), options, allowPositionals: true });
  } catch (error) {
    const [words] = error.message.split(/\.\s/);
    const plain = words.replace(/^Option '(\S+)' argument is ambiguous$/, "Option '$1 <value>' argument missing");
    throw new UsageError(`${plain.replace(/^\w/, (letter) => letter.toLowerCase())}; --help lists what there is`);
  }
}

/** Joins a number below zero to its option, so that it is told what it may be: `parseArgs` takes it for an option. */
function withNumbers(args, options) {
  const words = [];
  for (const word of args) {
    const before = words.at(-1) ?? "";
    if (/^-\d/.test(word) && options[before.replace(/^--/, "")]?.type === "string") words[words.length - 1] = `${before}=${word}`;
    else words.push(word);
  }
  return words;
}

/** A whole number from 0 to `max`. */
export function readNumber(name, text, max) {
  const number = Number(text);
  if (!/^\d+$/.test(text) || number > max) {
    throw new UsageError(`--${name} takes a whole number from 0 to ${max}, not "${text}"`);
  }
  return number;
}
