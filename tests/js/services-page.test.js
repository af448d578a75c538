// docs/services.md shows the examples' own code: what it quotes is in them, word for word.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

const read = (path) => readFile(new URL(`../../${path}`, import.meta.url), "utf8");

test("every piece of code on the page is in the example of its language", async () => {
  const page = await read("docs/services.md");
  const examples = { rust: await read("examples/guest_book.rs"), js: await read("examples/guest-book.js") };
  const pieces = [...page.matchAll(/^```(rust|js)\n([^]*?)^```$/gm)];
  assert.equal(pieces.length, 8);
  for (const [, language, code] of pieces) assert.ok(examples[language].includes(code), `not in the example:\n${code}`);
});
