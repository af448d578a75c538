// Reads a WebAssembly module as far as its size needs it: sections, functions and their names.

/** The module without the sections that no engine needs. */
export function withoutNames(bytes) {
  const kept = sections(bytes).filter(({ id }) => id !== CUSTOM);
  return Buffer.concat([bytes.subarray(0, HEADER_SIZE), ...kept.map(({ start, end }) => bytes.subarray(start, end))]);
}

/** Bytes of code by crate, of a module that has its names, and the bytes of its data. */
export function partSizes(bytes) {
  const parts = new Map();
  const add = (part, size) => parts.set(part, (parts.get(part) ?? 0) + size);
  const all = sections(bytes);
  const names = functionNames(bytes, all.find(({ name }) => name === "name"));
  const firstOwn = importedFunctions(bytes, all.find(({ id }) => id === IMPORT));
  for (const { id, content, end, name } of all) {
    if (id === CODE) {
      const reader = new Reader(bytes, content);
      for (let index = firstOwn, left = reader.number(); left > 0; left--, index++) {
        const size = reader.number();
        reader.at += size;
        add(crateOf(names.get(index) ?? ""), size);
      }
    } else if (id === DATA) {
      add("tables and texts", end - content);
    } else if (name === null) {
      add("imports, exports, types", end - content);
    }
  }
  return Object.fromEntries([...parts].sort(([, a], [, b]) => b - a));
}

/** Ours by module, others by crate; what wasm-bindgen exports for us is `wasm`. */
function crateOf(name) {
  const own = /light_nara(?:\[[0-9a-f]+\])?::(\w+)/.exec(name);
  if (own !== null) return `light_nara::${own[1]}`;
  if (/^peer_|^__wbg_peer|^Closure\(/.test(name)) return "light_nara::wasm";
  return /(?:^|[<& ])([a-z_0-9]+)(?:\[[0-9a-f]+\])?::/.exec(name)?.[1] ?? "other";
}

function sections(bytes) {
  const found = [];
  const reader = new Reader(bytes, HEADER_SIZE);
  while (reader.at < bytes.length) {
    const start = reader.at;
    const id = bytes[reader.at++];
    const size = reader.number();
    const content = reader.at;
    const end = content + size;
    found.push({ id, start, content, end, name: id === CUSTOM ? reader.text() : null });
    reader.at = end;
  }
  return found;
}

function functionNames(bytes, section) {
  const names = new Map();
  if (section === undefined) return names;
  const reader = new Reader(bytes, section.content);
  reader.text();
  while (reader.at < section.end) {
    const kind = bytes[reader.at++];
    const end = reader.number() + reader.at;
    if (kind === FUNCTION_NAMES) for (let left = reader.number(); left > 0; left--) names.set(reader.number(), reader.text());
    reader.at = end;
  }
  return names;
}

function importedFunctions(bytes, section) {
  if (section === undefined) return 0;
  const reader = new Reader(bytes, section.content);
  const count = reader.number();
  let functions = 0;
  for (let left = count; left > 0; left--) {
    reader.text();
    reader.text();
    const kind = bytes[reader.at++];
    // wasm-bindgen imports nothing but functions; with anything else the names would be off.
    if (kind !== FUNCTION) throw new Error(`the module imports something of kind ${kind}`);
    reader.number();
    functions++;
  }
  return functions;
}

class Reader {
  constructor(bytes, at) {
    this.bytes = bytes;
    this.at = at;
  }

  /** An unsigned LEB128. */
  number() {
    let value = 0;
    let unit = 1;
    for (;;) {
      const byte = this.bytes[this.at++];
      value += (byte & 0x7f) * unit;
      if (byte < 0x80) return value;
      unit *= 0x80;
    }
  }

  text() {
    const size = this.number();
    this.at += size;
    return this.bytes.toString("utf8", this.at - size, this.at);
  }
}

const HEADER_SIZE = 8;
const [CUSTOM, IMPORT, CODE, DATA] = [0, 2, 10, 11];
const FUNCTION = 0;
const FUNCTION_NAMES = 1;
