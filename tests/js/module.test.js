// What the build makes of the module: that the passes which make it small leave out no function, and find what they look for.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import binaryen from "binaryen";
import { CORES } from "../../scripts/build.js";
import { renumbered } from "../../scripts/locals.js";
import { alike } from "../../scripts/order.js";
import { functionBodies, renamed, withoutNames } from "../../scripts/sections.js";

const loaded = readFileSync(CORES[0].module);

test("no core names a file of its source", () => {
  for (const { module } of CORES) assert.doesNotMatch(readFileSync(module).toString("latin1"), /[\w-]+\/[\w-]+\.rs\b/);
});

test("only the larger core has what a gateway and services need", () => {
  const [small, full] = CORES.map(({ named }) => readFileSync(named).toString("latin1"));
  for (const name of ["light_nara::mesh::", "light_nara::nara::older::", "JsService"]) assert.ok(full.includes(name) && !small.includes(name), name);
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
  const named = readFileSync(CORES[0].named);
  const other = renamed(named, (name, index) => `${index} ${name}`);
  assert.notDeepEqual(other, named);
  assert.deepEqual(withoutNames(other), withoutNames(named));
  assert.deepEqual(withoutNames(named), loaded);
});

test("locals that are numbered anew change no result, and make functions alike", () => {
  const body = (one, other) => `(param $n i32) (result i32) (local $a i32) (local $big i64) (local $b i32)
    (local.set ${one} (i32.mul (local.get $n) (i32.const 3)))
    (local.set $big (i64.extend_i32_s (local.get ${one})))
    (local.set ${other} (i32.sub (local.get ${one}) (i32.const 77)))
    (if (i32.gt_s (local.get ${other}) (i32.const 5)) (then (local.set ${one} (i32.xor (local.get ${other}) (local.get ${one})))))
    (i32.add (i32.wrap_i64 (local.get $big)) (i32.sub (local.get ${one}) (local.get ${other})))`;
  const text = `(module (func (export "f") ${body("$a", "$b")}) (func (export "g") ${body("$b", "$a")}))`;
  const before = Buffer.from(binaryen.parseText(text).emitBinary());
  const after = renumbered(before);
  const isOneBody = (module) => functionBodies(module)[0].equals(functionBodies(module)[1]);
  assert.deepEqual([isOneBody(before), isOneBody(after)], [false, true]);
  const [old, now] = [before, after].map((bytes) => new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports);
  for (const n of [0, 1, 26, 27, 28, 29, 1_000, -5]) assert.deepEqual([now.f(n), now.g(n)], [old.f(n), old.g(n)]);
});
