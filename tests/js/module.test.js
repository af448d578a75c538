// What the build makes of the module: that the passes which make it small leave out no function, and find what they look for.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { NAMED_MODULE } from "../../scripts/build.js";
import { alike } from "../../scripts/order.js";
import { functionBodies, renamed, withoutNames } from "../../scripts/sections.js";

const loaded = readFileSync(new URL("../../www/nara/pkg/light_nara_bg.wasm", import.meta.url));

test("the module names no file of its source", () => {
  assert.doesNotMatch(loaded.toString("latin1"), /[\w-]+\/[\w-]+\.rs\b/);
});

test("the functions stand in an order that holds each of them once, and is the same each time", () => {
  const bodies = functionBodies(loaded);
  const order = alike(bodies);
  assert.deepEqual(order.toSorted((a, b) => a - b), [...bodies.keys()]);
  assert.deepEqual(alike(bodies), order);
});

test("functions that are alike stand together", () => {
  const [a, b] = ["the one kind of function", "quite another thing"].map((text) => Buffer.from(text.repeat(4)));
  const bodies = [a, b, Buffer.concat([a, a]), Buffer.concat([b, b, b]), a];
  assert.deepEqual(alike(bodies).map((index) => bodies[index].includes(a)), [false, false, true, true, true]);
});

test("other names change nothing but the names", () => {
  const named = readFileSync(NAMED_MODULE);
  const other = renamed(named, (name, index) => `${index} ${name}`);
  assert.notDeepEqual(other, named);
  assert.deepEqual(withoutNames(other), withoutNames(named));
  assert.deepEqual(withoutNames(named), loaded);
});
