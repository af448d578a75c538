// A soul with its name as text: what a file holds, what a printed code says, and what is pasted.

/** More than this is no soul. */
export const FILE_BYTES_MAX = 4_096;

/** The content of a soul file. */
export function soulFile({ soul, name, id }) {
  const about = "The soul of a light nara. Whoever has this file is this nara and can read its memory.";
  return `${JSON.stringify({ about, name, soul, id }, null, 2)}\n`;
}

/** What a printed code says: soul, a space, name. A soul has no space in it, a name may. */
export function soulLine({ soul, name }) {
  return `${soul} ${name}`;
}

/** `{ soul, name? }` from a file's content, a printed code, or a soul alone. What is no soul is left for the core to say. */
export function readSoul(text) {
  const trimmed = text.replace(/^[\s\uFEFF]+/, "");
  if (trimmed.startsWith("{")) {
    let file = {};
    try {
      file = JSON.parse(trimmed);
    } catch {
      // Said by the error below, in the same words.
    }
    if (typeof file.soul !== "string" || !["string", "undefined"].includes(typeof file.name)) {
      throw new Error("this file holds no soul");
    }
    return { soul: file.soul, name: file.name };
  }
  const line = trimmed.split(/[\r\n]/, 1)[0];
  const space = line.search(/\s/);
  if (space < 0) return { soul: line };
  return { soul: line.slice(0, space), name: line.slice(space + 1) || undefined };
}
