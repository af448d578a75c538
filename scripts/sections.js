// Reads a WebAssembly module as far as its size needs it: sections, functions and their names.

/** The module without the sections that no engine needs. */
export function withoutNames(bytes) {
  const kept = sections(bytes).filter(({ id }) => id !== CUSTOM);
  return Buffer.concat([bytes.subarray(0, HEADER_SIZE), ...kept.map(({ start, end }) => bytes.subarray(start, end))]);
}

/**
 * The module, which must have its names, with panics that trap at once. A panic ends in a trap anyway, and what it would
 * say goes nowhere: there is nobody who prints it. So its words, what formats them, and the places in the source that they
 * name need not be loaded. The compiler does that with `-Cpanic=immediate-abort`, but the stable one not yet.
 */
export function withoutLastWords(bytes) {
  const all = sections(bytes);
  const names = functionNames(bytes, all.find(({ name }) => name === "name"));
  const firstOwn = importedFunctions(bytes, all.find(({ id }) => id === IMPORT));
  const replaced = new Set();
  const code = (content) => {
    const reader = new Reader(bytes, content);
    const count = reader.number();
    const bodies = [encoded(count)];
    for (let index = firstOwn; index < firstOwn + count; index++) {
      const size = reader.number();
      const name = names.get(index)?.replaceAll(/\[[0-9a-f]+\]/g, "") ?? "";
      const traps = NEVER_RETURNS.test(name) || FOR_DEBUGGING.test(name);
      if (traps) replaced.add(name);
      bodies.push(traps ? TRAP : Buffer.concat([encoded(size), bytes.subarray(reader.at, reader.at + size)]));
      reader.at += size;
    }
    const section = Buffer.concat(bodies);
    return Buffer.concat([Buffer.from([CODE]), encoded(section.length), section]);
  };
  const written = all.map(({ id, start, content, end }) => {
    if (id === CODE) return code(content);
    return id === DATA ? withoutWords(withoutPlaces(bytes.subarray(start, end), content - start)) : bytes.subarray(start, end);
  });
  // Every panic goes through this one; where it is not found, the names have changed and the others may be missed, too.
  if (!replaced.has("core::panicking::panic_fmt")) throw new Error("the module has no core::panicking::panic_fmt: see NEVER_RETURNS in scripts/sections.js");
  return Buffer.concat([bytes.subarray(0, HEADER_SIZE), ...written]);
}

/**
 * The section of data with zeros, which weigh nothing, for the places of panics: each is `{ file, its length, line, column }`
 * in 32 bits each, and the file's name ends in a zero byte.
 */
function withoutPlaces(section, content) {
  const wiped = Buffer.from(section);
  const all = segments(section, content);
  const bytesAt = (address, size) => {
    const one = all.find(({ first, bytes }) => address >= first && address + size <= first + bytes.length);
    return one?.bytes.subarray(address - one.first, address - one.first + size);
  };
  for (const { first, start, bytes } of all) {
    for (let at = -first & 3; at + PLACE_SIZE <= bytes.length; at += 4) {
      const [file, length, line, column] = [0, 4, 8, 12].map((offset) => bytes.readUInt32LE(at + offset));
      if (length > PATH_MAX || line === 0 || line > LINE_MAX || column === 0 || column > LINE_MAX) continue;
      const path = bytesAt(file, length + 1);
      if (path === undefined || !FILE.test(path.toString("latin1"))) continue;
      wiped.fill(0, start + at, start + at + PLACE_SIZE);
      const own = path.byteOffset - section.byteOffset;
      wiped.fill(0, own, own + length);
    }
  }
  return wiped;
}

/** The section of data with zeros for what panics alone say. */
function withoutWords(section) {
  for (const words of LAST_WORDS) {
    for (let at = section.indexOf(words); at >= 0; at = section.indexOf(words, at + 1)) section.fill(0, at, at + words.length);
  }
  return section;
}

/** Where each segment of data goes in memory, where it begins in its section, and its bytes. */
function segments(section, content) {
  const reader = new Reader(section, content);
  return Array.from({ length: reader.number() }, () => {
    // Active, in the only memory, at a constant: what the linker writes.
    if (section[reader.at] !== 0 || section[reader.at + 1] !== I32_CONST) throw new Error("the module has data of another kind");
    reader.at += 2;
    const first = reader.number();
    reader.at += 1;
    const size = reader.number();
    const start = reader.at;
    reader.at += size;
    return { first, start, bytes: section.subarray(start, start + size) };
  });
}

/** The bytes of each function's body, in their order. */
export function functionBodies(bytes) {
  const reader = new Reader(bytes, sections(bytes).find(({ id }) => id === CODE).content);
  return Array.from({ length: reader.number() }, () => {
    const size = reader.number();
    reader.at += size;
    return bytes.subarray(reader.at - size, reader.at);
  });
}

/** The module with other names for its own functions: `rename(name, index)`, by their index among themselves. */
export function renamed(bytes, rename) {
  const all = sections(bytes);
  const names = functionNames(bytes, all.find(({ name }) => name === "name"));
  const firstOwn = importedFunctions(bytes, all.find(({ id }) => id === IMPORT));
  functionBodies(bytes).forEach((body, index) => names.set(firstOwn + index, rename(names.get(firstOwn + index) ?? "", index)));
  const text = (content) => Buffer.concat([encoded(Buffer.byteLength(content)), Buffer.from(content)]);
  const sized = (kind, content) => Buffer.concat([Buffer.from([kind]), encoded(content.length), content]);
  const listed = [...names].sort(([a], [b]) => a - b).map(([index, name]) => Buffer.concat([encoded(index), text(name)]));
  const section = Buffer.concat([text("name"), sized(FUNCTION_NAMES, Buffer.concat([encoded(listed.length), ...listed]))]);
  const others = all.filter(({ name }) => name !== "name").map(({ start, end }) => bytes.subarray(start, end));
  return Buffer.concat([bytes.subarray(0, HEADER_SIZE), ...others, sized(CUSTOM, section)]);
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

export function sections(bytes) {
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

/** An unsigned LEB128. */
function encoded(number) {
  const bytes = [];
  for (; number >= 0x80; number = Math.floor(number / 0x80)) bytes.push((number % 0x80) + 0x80);
  return Buffer.from([...bytes, number]);
}

export class Reader {
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

/** Functions of the standard library whose type is `!`: none of them returns. */
const NEVER_RETURNS = new RegExp(
  [
    "^core::panicking::panic(_\\w+)?$",
    "^core::panicking::panic_const::\\w+$",
    "^core::panicking::assert_failed(_inner|::<.*>)?$",
    "^core::(option|result)::(unwrap|expect)_failed$",
    "^core::slice::index::slice_\\w*_fail$",
    "^core::slice::\\w+::len_mismatch_fail$",
    "^core::str::slice_error_fail(_rt)?$",
    "^core::cell::panic_already_\\w+$",
    "^<alloc::vec::Vec<.*>>::\\w+::assert_failed$",
    "^alloc::raw_vec::(handle_error|capacity_overflow)$",
    "^alloc::alloc::handle_alloc_error$",
    "^__rustc::rust_begin_unwind$",
  ].join("|"),
);
/**
 * What `{:?}` prints by, which panics alone do here: a test sees to it that nothing else of the library asks for it. Whoever
 * does would trap.
 */
const FOR_DEBUGGING = /^<.* as core::fmt::Debug>::fmt(::h\w+|\.\d+)?$|^<core::fmt::builders::.*>::\w+$|^<core::fmt::Formatter>::debug_\w+$|^<char>::escape_debug_ext$/;
/** The body of a function: its size, no locals, `unreachable`, its end. */
const TRAP = Buffer.from([3, 0, 0x00, 0x0b]);
const HEADER_SIZE = 8;
export const [CUSTOM, TYPE, IMPORT, FUNCTION_SECTION, CODE, DATA] = [0, 1, 2, 3, 10, 11];
const FUNCTION = 0;
const I32_CONST = 0x41;
/** What the standard library's panics say, and those of crates; what is spelled anew stays, and weighs a little. */
const LAST_WORDS = [
  "a Display implementation returned an error unexpectedly",
  "a formatting trait implementation returned an error when the underlying stream did not",
  "assertion failed: idx < self.len()",
  "assertion failed: psize <= size + max_overhead",
  "assertion failed: psize >= size + min_overhead",
  "assertion failed: self.is_char_boundary(new_len)",
  "assertion failed: self.peeked.is_none()",
  "attempt to divide by zero",
  "attempt to divide with overflow",
  "attempt to join into collection with len > usize::MAX",
  "called `Option::unwrap()` on a `None` value",
  "copy_from_slice: source slice length (",
  ") does not match destination slice length (",
  "index out of bounds: the len is ",
  " but the index is ",
  "insertion index (is ",
  ") should be <= len (is ",
  "internal error: entered unreachable code: the bond was checked by `bonded`",
  "LazyLock instance has previously been poisoned",
  "one-time initialization may not be performed recursively",
  "overflow in Duration::new",
  "overflow when adding durations",
  "overflow when multiplying duration by scalar",
  "overflow when subtracting durations",
  "range end index ",
  "range start index ",
  " out of range for slice of length ",
  "RefCell already borrowed",
  "RefCell already mutably borrowed",
  "removal index (is ",
  ") should be < len (is ",
  "slice index starts at ",
  " but ends at ",
];
const PLACE_SIZE = 16;
const [PATH_MAX, LINE_MAX] = [400, 100_000];
const FILE = /^[\x20-\x7e]+\.rs\0$/;
const FUNCTION_NAMES = 1;
