// The page's strict reader of JSON: where it says an error is, and that it agrees with JSON.parse.
import assert from "node:assert/strict";
import { test } from "node:test";
import { canonical, checkJson } from "../../www/json-check.js";

const WRONG = [
  ["", 1, 1], ["{", 1, 2], ['{\n  "a": 1,\n}', 2, 9], ["[1,]", 1, 3], ["{'a':1}", 1, 2], ["[tru]", 1, 2], ["[True]", 1, 2],
  ['{"a" 1}', 1, 6], ["[1 2]", 1, 4], ["1 1", 1, 3], ['"abc', 1, 1], ['["a\nb"]', 1, 2], ["[01]", 1, 3], ["[1.]", 1, 3],
  ["[-]", 1, 2], ["[1e999]", 1, 2], ["[12345678901234567891]", 1, 2], ['{"a":1,"a":2}', 1, 8], ['["\\ud800"]', 1, 2],
  ['["\\x"]', 1, 4], ['["é😀",x]', 1, 7], ['["a\tb"]', 1, 4], ["[".repeat(101), 1, 101], ["[1,\n\n", 3, 1], ["// hi", 1, 1],
  ["NaN", 1, 1], ["undefined", 1, 1], ["[,1]", 1, 2], ["\uFEFF{}", 1, 1],
];
const RIGHT = [
  "{}", "[]", "null", " true ", "-0.5e-3", '"a\\u00e9\\n😀\\ud83d\\ude00"', '{"a":[1,{"b":null}],"__proto__":3}',
  "[9007199254740993.5, 1e21, 100000000000000000000]", `${"[".repeat(100)}1${"]".repeat(100)}`,
];

for (const [text, line, column] of WRONG) {
  test(`${JSON.stringify(text).slice(0, 30)} is wrong at line ${line}, column ${column}`, () => {
    const { error } = checkJson(text);
    assert.ok(error);
    assert.deepEqual([error.line, error.column], [line, column], error.message);
  });
}

for (const text of RIGHT) {
  test(`${text.slice(0, 30)} is JSON`, () => assert.deepEqual(checkJson(text).value, JSON.parse(text)));
}

for (const [text, words] of [
  ["\uFEFF{}", /^a value should stand here, not the invisible character U\+FEFF$/],
  ["{\u00a0}", /^a key in double quotes should stand here, not the invisible character U\+00A0$/],
  ["{“tea”: 1}", /^text goes in straight double quotes \("\), not “$/],
  ['{"tea": „oolong“}', /^text goes in straight double quotes \("\), not „$/],
  ["[‘a’]", /^text goes in straight double quotes \("\), not ‘$/],
]) {
  test(`${JSON.stringify(text)} is told what is wrong with it`, () => assert.match(checkJson(text).error.message, words));
}

test("whatever JSON.parse refuses is refused, and what else is refused would lose something", () => {
  let state = 7;
  const below = (n) => (state = (state * 1_103_515_245 + 12_345) >>> 0) % n;
  const seed = '{"a": [1, -2.5e3, "x\\n\\u00e9", true, null], "b": {"c": "d"}}';
  const alphabet = "{}[]\",:\\ \n\t019-+.eEtrufalsn'x";
  for (let i = 0; i < 20_000; i += 1) {
    const letters = [...seed];
    for (let k = below(3); k >= 0; k -= 1) {
      const at = below(letters.length);
      if (below(2)) letters.splice(at, 1);
      else letters.splice(at, below(2), alphabet[below(alphabet.length)]);
    }
    const text = letters.join("");
    const { error } = checkJson(text);
    if (!parses(text)) assert.ok(error, text);
    else if (error) assert.match(error.message, /twice|exactly|too large/, text);
  }
});

test("two texts of one value have one canonical form", () => {
  assert.equal(canonical({ b: 1, a: [{ d: 1, c: 2 }] }), '{"a":[{"c":2,"d":1}],"b":1}');
});

function parses(text) {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
