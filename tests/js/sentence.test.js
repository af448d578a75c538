// The one sentence on top of the page, in each state: its tone, its words, and the next thing to do.
import assert from "node:assert/strict";
import { test } from "node:test";
import { sentence } from "../../www/sentence.js";
import { NOW, STATES, store } from "../support/states.js";

for (const [name, given, tone, action, words] of STATES) {
  test(name, () => {
    const said = sentence(store(given), NOW);
    const text = said.words.map((word) => word.tick ?? word.past ?? word).join("");
    assert.match(text, words);
    assert.deepEqual([said.tone, said.action], [tone, action], text);
  });
}
