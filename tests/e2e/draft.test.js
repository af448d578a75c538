// The draft of a memory: undo, comparison, a tick for each confidant, leaving with it unsaved, and another device.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { untilText } from "../support/chromium.js";
import { browserAndHost, saveFirst } from "../support/visit.js";

const PATIENT = { timeout: 90_000 };
const MEMORY = '{\n  "tea": "oolong"\n}';
const SAFE = /3 of 3 confidants hold it/;

const shared = browserAndHost();

test("a draft is compared, undone and ticked off, and comes back after it was forgotten here", PATIENT, async (t) => {
  const page = await shared.visit(t);
  const editor = page.getByTestId("memory-editor");
  await saveFirst(page, MEMORY);
  assert.match(await untilText(page, "ticks", /✓/), /(✓ \S+ has it){3}/);
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByTestId("download").click()]);
  assert.deepEqual(JSON.parse(await readFile(await download.path())), { tea: "oolong" });

  await editor.fill('{\n  "tea": "sencha"\n}');
  await page.getByTestId("show-compare").click();
  await untilText(page, "compare", /against what was saved/);
  const lines = await page.getByTestId("compare").locator("li[data-change]").allTextContents();
  assert.deepEqual(lines.map((line) => line.replace(/\s+/g, " ").trim()), [
    "{", '−only there: "tea": "oolong"', '+only in the editor: "tea": "sencha"', "}",
  ]);
  await page.getByTestId("undo").click();
  assert.match(await editor.inputValue(), /oolong/);
  await untilText(page, "compare", /No difference/);
  await page.keyboard.press("Control+Shift+z");
  assert.match(await editor.inputValue(), /sencha/);
  await page.keyboard.press("Control+z");

  await page.getByTestId("rehearse").click();
  await untilText(page, "recovery", /came back from/);
  await untilText(page, "sentence", /^Restored from .*3 of 3 confidants hold it/);
  assert.match(await editor.inputValue(), /oolong/);
  await untilText(page, "recovery", /opened, and chosen · asked .*, answered .*, chosen/);
  const hidden = () => page.locator("#recovery .later").count();
  await page.getByTestId("replay").click();
  assert.ok((await hidden()) > 0);
  await page.waitForFunction(() => document.querySelectorAll("#recovery .later").length === 0);
});

test("leaving is asked about while edits are in this tab alone, and not after, kept soul or not", PATIENT, async (t) => {
  const page = await shared.visit(t);
  await saveFirst(page, MEMORY);
  const asked = [];
  page.on("dialog", (dialog) => {
    asked.push(dialog.type());
    dialog.dismiss();
  });
  await page.getByTestId("memory-editor").fill('{ "tea": "sencha" }');
  await Promise.all([page.waitForEvent("dialog"), page.close({ runBeforeUnload: true })]);
  assert.deepEqual(asked, ["beforeunload"]);
  await page.getByTestId("save").click();
  await untilText(page, "sentence", /3 of 3 confidants hold it.*version 2.*Keep your soul/);
  await Promise.all([page.waitForEvent("close"), page.close({ runBeforeUnload: true })]);
  assert.deepEqual(asked, ["beforeunload"]);
});

test("another device with the same soul is told on both, and the one that goes on is safe again", PATIENT, async (t) => {
  const first = await shared.visit(t);
  await saveFirst(first, MEMORY);
  await first.getByTestId("remember").check();
  const remembered = await first.evaluate(() => ({ ...localStorage }));
  const second = await shared.visit(t, { remembered });
  for (const page of [first, second]) await untilText(page, "sentence", /Another device lives as this nara/);
  await first.getByTestId("safety-action").click();
  await untilText(first, "sentence", SAFE);
  await second.close({ runBeforeUnload: false });
});
