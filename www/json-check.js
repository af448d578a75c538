// Reads JSON strictly and says where it goes wrong, in the same words in every browser.

/** How deep lists and objects may nest. */
export const DEPTH_MAX = 100;

/**
 * Either `{ value }` or `{ error: { message, line, column, offset } }`. Lines and columns start at 1; a column counts
 * characters, not bytes. What JavaScript would drop without a word (a key given twice, a number it cannot hold, half a
 * surrogate pair) is an error too.
 */
export function checkJson(text) {
  try {
    new Reader(text).document();
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    return { error: { message: problem.message, offset: problem.offset, ...place(text, problem.offset) } };
  }
  return { value: JSON.parse(text) };
}

/** Line and column of an offset into the text. */
export function place(text, offset) {
  const before = text.slice(0, offset);
  const lineStart = before.lastIndexOf("\n") + 1;
  return { line: before.split("\n").length, column: [...before.slice(lineStart)].length + 1 };
}

/** The same text for the same value, whatever the order of its keys. */
export function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value) ?? "null";
  const fields = Object.keys(value).sort().map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`);
  return `{${fields.join(",")}}`;
}

class Problem extends Error {
  constructor(message, offset) {
    super(message);
    this.offset = offset;
  }
}

class Reader {
  constructor(text) {
    this.text = text;
    this.at = 0;
    this.depth = 0;
  }

  document() {
    this.space();
    if (this.at === this.text.length) this.fail("there is nothing here yet; write a value, such as {}");
    this.value();
    this.space();
    if (this.at < this.text.length) this.fail(`${this.here()} comes after the end of the value`);
  }

  value() {
    const next = this.text[this.at];
    if (next === "{") return this.inside("object", "}", () => this.field(new Set()));
    if (next === "[") return this.inside("list", "]", () => () => this.value());
    if (next === '"') return this.string();
    if (next === "-" || isDigit(next)) return this.number();
    for (const word of ["true", "false", "null"]) {
      if (this.text.startsWith(word, this.at) && !/\w/.test(this.text[this.at + word.length] ?? "")) {
        this.at += word.length;
        return undefined;
      }
    }
    return this.noValue(next);
  }

  noValue(next) {
    this.quotes();
    if (next === "/") this.fail("JSON has no comments");
    const word = /^[A-Za-z_$][\w$]*/.exec(this.text.slice(this.at, this.at + 24))?.[0];
    const lower = word?.toLowerCase();
    if (word && ["true", "false", "null"].includes(lower)) this.fail(`write ${lower} in small letters`);
    if (word) this.fail(`${word} is not a JSON value; text goes in double quotes`);
    this.fail(`a value should stand here, not ${this.here()}`);
  }

  /** Quotes that word processors make of straight ones, and single ones. */
  quotes() {
    const next = this.text[this.at];
    if (next === "'") this.fail("text goes in double quotes, not single ones");
    if (next !== undefined && "“”„‟‘’‚‛«»".includes(next)) this.fail(`text goes in straight double quotes ("), not ${next}`);
  }

  /** Reads a list or an object, whose items `items` reads one by one. */
  inside(kind, close, items) {
    const opened = this.at;
    if (++this.depth > DEPTH_MAX) this.fail(`nested deeper than ${DEPTH_MAX} levels`);
    const item = items();
    this.at += 1;
    this.space();
    if (this.text[this.at] !== close) {
      for (;;) {
        this.unfinished(kind, opened);
        item();
        this.space();
        this.unfinished(kind, opened);
        if (this.text[this.at] === close) break;
        if (this.text[this.at] !== ",") this.fail(`a comma or ${close} should stand here, not ${this.here()}`);
        const comma = this.at;
        this.at += 1;
        this.space();
        if (this.text[this.at] === close) throw new Problem(`take this comma out; none may stand before ${close}`, comma);
      }
    }
    this.at += 1;
    this.depth -= 1;
  }

  field(seen) {
    return () => {
      const start = this.at;
      this.quotes();
      if (this.text[start] !== '"') this.fail(`a key in double quotes should stand here, not ${this.here()}`);
      const key = this.string();
      if (seen.has(key)) throw new Problem(`the key ${JSON.stringify(key)} is here twice; only one would be kept`, start);
      seen.add(key);
      this.space();
      if (this.text[this.at] !== ":") this.fail(`a colon should follow the key, not ${this.here()}`);
      this.at += 1;
      this.space();
      this.value();
    };
  }

  string() {
    const start = this.at;
    this.at += 1;
    for (;;) {
      const next = this.text[this.at];
      if (next === undefined || next === "\n") throw new Problem("this text has no closing quote on its line", start);
      if (next === '"') break;
      if (next < " ") this.fail(next === "\t" ? "a tab inside text is written \\t" : "a control character inside text is written \\u00…");
      if (next === "\\") this.escape();
      this.at += 1;
    }
    this.at += 1;
    const value = JSON.parse(this.text.slice(start, this.at));
    // With the u flag a lone surrogate matches \p{Cs}, a proper pair does not.
    if (/\p{Cs}/u.test(value)) throw new Problem("this text holds half a surrogate pair, which no UTF-8 can carry", start);
    return value;
  }

  escape() {
    this.at += 1;
    const next = this.text[this.at];
    if (next === "u") {
      if (!/^[0-9a-fA-F]{4}$/.test(this.text.slice(this.at + 1, this.at + 5))) this.fail("\\u takes four hexadecimal digits");
      this.at += 4;
    } else if (next === undefined || !'"\\/bfnrt'.includes(next)) {
      this.fail(`\\${next ?? ""} is no escape; a backslash itself is written \\\\`);
    }
  }

  number() {
    const start = this.at;
    const text = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/.exec(this.text.slice(start))?.[0];
    if (!text) this.fail("a minus sign takes digits after it");
    this.at += text.length;
    if (/[\w.+]/.test(this.text[this.at] ?? "")) {
      this.fail(/^-?0$/.test(text) && isDigit(this.text[this.at]) ? "a number does not start with 0" : "this number is not finished, or not a number");
    }
    const value = Number(text);
    if (!Number.isFinite(value)) throw new Problem("this number is too large", start);
    if (/^-?\d+$/.test(text) && BigInt(text) !== BigInt(value)) {
      throw new Problem("this whole number has too many digits to be kept exactly; write it as text", start);
    }
  }

  space() {
    while (" \t\n\r".includes(this.text[this.at] ?? "x")) this.at += 1;
  }

  unfinished(kind, opened) {
    if (this.at < this.text.length) return;
    const { line, column } = place(this.text, opened);
    this.fail(`the text ends before the ${kind} opened on line ${line}, column ${column} is closed`);
  }

  here() {
    if (this.at >= this.text.length) return "the end of the text";
    const [letter] = this.text.slice(this.at, this.at + 2);
    if (!/[\p{C}\p{Z}]/u.test(letter)) return letter;
    return `the invisible character U+${letter.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
  }

  fail(message) {
    throw new Problem(message, this.at);
  }
}

function isDigit(letter) {
  return letter !== undefined && letter >= "0" && letter <= "9";
}
