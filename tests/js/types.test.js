// What index.d.ts promises, held against the sources.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const types = readFileSync(join(root, "www/nara/index.d.ts"), "utf8");

function sources(folder, ending) {
  return readdirSync(join(root, folder)).filter((name) => name.endsWith(ending)).map((name) => readFileSync(join(root, folder, name), "utf8")).join("\n");
}

test("NaraErrorCode lists every code that the sources can give, once, and no other", () => {
  const union = /export type NaraErrorCode =([\s\S]+?)\n\n/.exec(types)[1];
  const listed = [...union.matchAll(/^ +\| "(\w+)"/gm)].map(([, code]) => code);
  const js = sources("www/nara", ".js");
  const wasm = sources("src/wasm", ".rs");
  const errors = readFileSync(join(root, "src/stash/errors.rs"), "utf8");
  const given = [
    ...js.matchAll(/(?:new NaraError|\.#end)\(\s*"(\w+)"/g),
    ...wasm.matchAll(/failure\(\s*"(\w+)"/g),
    ...wasm.matchAll(/ConfigError[^"]*?=> "(\w+)"/g),
    ...errors.matchAll(/Self::[^"]*?=> "(\w+)"/g),
  ].map(([, code]) => code);
  assert.deepEqual([...listed].sort(), [...new Set(given)].sort());
});

test("no type of the package is any", () => {
  for (const name of ["index.d.ts", "index.d.cts", "worker.d.ts"]) {
    assert.doesNotMatch(readFileSync(join(root, "www/nara", name), "utf8").replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, ""), /\bany\b/);
  }
});
