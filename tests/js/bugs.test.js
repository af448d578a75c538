// The mistakes that `npm run bugs` plants have each a place in the source still.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { bugs } from "../sim/bugs.js";

test("what each planted bug replaces is there once", () => {
  for (const { name, edits } of bugs) {
    for (const { file, old } of edits) {
      const source = readFileSync(new URL(`../../src/${file}`, import.meta.url), "utf8");
      assert.equal(source.split(old).length - 1, 1, `${name}: ${old}`);
    }
  }
});
