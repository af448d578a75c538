// What the page copies for whoever helps: nothing secret is in it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { diagnostics } from "../../www/diagnostics.js";

test("diagnostics leave out the soul, the memory, and what an address may hide", () => {
  const store = {
    status: { id: "abc", connection: { state: "online", url: "wss://me:pass@plaza.example/mqtt?token=hush" } },
    log: [{ at: 1, level: "info", text: "woke with 5ThKsoul as asked" }],
    memory: { data: "private" },
  };
  const text = diagnostics(store, ["5ThKsoul"], 0);
  for (const secret of ["5ThKsoul", "pass", "hush", "private"]) assert.ok(!text.includes(secret), secret);
  const facts = JSON.parse(text);
  assert.equal(facts.at, "1970-01-01T00:00:00.000Z");
  assert.equal(facts.status.connection.url, "wss://plaza.example/mqtt");
  assert.equal(facts.log[0].text, "woke with (secret) as asked");
});
