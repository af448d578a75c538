// What the page shows in states that a test would wait long for: each is given to it, with no nara behind it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { untilText } from "../support/chromium.js";
import { playOn, staged } from "../support/stage.js";
import { NOW, STATES, store } from "../support/states.js";
import { browserAndHost } from "../support/visit.js";

const PATIENT = { timeout: 90_000 };
const BUTTONS = { retry: "Try now", save: "Save", soul: "Keep my soul", empty: "Start empty", here: "Go on here", takeover: "Use this tab instead" };

const shared = browserAndHost({ words: ["--residents", "0"] });

/** A page that shows what it is given: `{ page, play }`. */
async function stage(t, options) {
  const context = await shared.browser.newContext(options);
  const page = await context.newPage();
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  t.after(async () => {
    await context.close();
    assert.deepEqual(complaints, []);
  });
  await page.clock.setFixedTime(NOW);
  return { page, play: await playOn(page, shared.host.url) };
}

test("the sentence on top answers in every state, with its tone and the next thing to do", PATIENT, async (t) => {
  const { page, play } = await stage(t);
  for (const [name, given, tone, action, words] of STATES) {
    await play(staged(store(given), given));
    const seen = await page.evaluate(() => {
      const [box, line, button] = ["safety", "sentence", "safety-action"].map((id) => document.getElementById(id));
      return { words: line.textContent, tone: box.dataset.tone, button: button.hidden ? null : button.textContent, role: line.getAttribute("role") };
    });
    assert.match(seen.words, words, name);
    assert.deepEqual({ ...seen, words: "" }, { words: "", tone, button: BUTTONS[action] ?? null, role: "status" }, name);
  }
});

test("cards tell what is known of each confidant, empty places stay, and what is kept for others has its figures", PATIENT, async (t) => {
  const { page, play } = await stage(t);
  const holder = { id: "peer-1", name: "peer-1", presence: "online", state: "acked", version: 4, at: NOW, mode: "hog", firstSeen: NOW - 60_000, verifiedAt: NOW, spare: false };
  const confidants = [holder, { ...holder, id: "peer-2", name: "peer-2", state: "refused", presence: "missing", version: null, mode: null, verifiedAt: null }];
  const given = { stash: { version: 4, savedAt: NOW, holders: [{ id: "peer-1", name: "peer-1", version: 4, at: NOW }] }, status: { confidants } };
  const fixture = staged(store(given), given);
  fixture.status.held = { limit: 20, count: 1, refusals: 2, prunings: 3, stashes: [{ id: "owner", name: "silent-fern-409", bytes: 10_240, storedAt: NOW, presence: "offline" }] };
  await play(fixture);
  const cards = await page.getByTestId("confidants").locator("li").allTextContents();
  assert.deepEqual(cards, [
    "peer-1online · peer-1✓ holds version 4, since 12:00:00keeps up to 50 memories · known since 11:59:00 · copy checked 12:00:00",
    "peer-2missing · peer-2has no place leftknown since 11:59:00",
    "An empty placeWaiting for a peer to take it",
  ]);
  assert.equal(await page.getByTestId("confidants").locator("svg.emblem").count(), 2);
  const held = await page.getByTestId("held").textContent();
  assert.match(held, /^1 stash, of at most 20, .* You cannot read these\. Refused so far: 2; let go: 3\..*silent-fern-40910,24012:00:00$/);
  assert.deepEqual(await page.locator("#size-text, #sealed-text").allTextContents(), ["16 of 10,240 bytes", "sealed: 10,240; every copy is, so its size tells nothing"]);
});

test("a search in vain says whom it asked, and offline that it goes on later", PATIENT, async (t) => {
  const { page, play } = await stage(t);
  for (const [state, words] of [["online", /^Nobody who answered keeps a memory of yours/], ["waiting", /^Nobody is reached now\. The search goes on/]]) {
    const given = { connection: { state }, recovery: { state: "not_found" } };
    await play(staged(store(given), given));
    await untilText(page, "recovery", words);
  }
});

test("what cannot be saved stays told until the text is another", PATIENT, async (t) => {
  const { page, play } = await stage(t);
  const [, given] = STATES.find(([name]) => name.startsWith("safe says how many hold"));
  const fixture = staged(store(given), given);
  await play(fixture);
  await page.getByTestId("memory-editor").fill("");
  await page.getByTestId("memory-editor").press("Control+s");
  await untilText(page, "json-error", /there is nothing here yet/);
  // Something else of the nara changes.
  await play({ ...fixture, text: "" });
  assert.match(await page.getByTestId("json-error").textContent(), /there is nothing here yet/);
  assert.equal(await page.getByTestId("memory-editor").getAttribute("aria-invalid"), "true");
  await page.getByTestId("memory-editor").fill("{}");
  await untilText(page, "json-error", /^$/);
});

test("another memory beside this one is compared, and taken over or left", PATIENT, async (t) => {
  const { page, play } = await stage(t);
  const [, given] = STATES.find(([name]) => name === "a memory kept beside this one is said");
  await play({ ...staged(store(given), given), beside: { data: { tea: "gunpowder" }, savedAt: NOW, version: 3 } });
  await page.getByTestId("beside-compare").click();
  await untilText(page, "compare", /kept beside/);
  await untilText(page, "compare", /gunpowder/);
  await page.getByTestId("beside-take").click();
  assert.match(await page.getByTestId("memory-editor").inputValue(), /gunpowder/);
  await untilText(page, "memory-state", /unsaved/);
  await page.getByTestId("beside-leave").click();
  assert.equal(await page.getByTestId("beside").isVisible(), false);
});

test("scrolled on a narrow screen, the sentence is small, and nothing below it moves", PATIENT, async (t) => {
  const { page, play } = await stage(t, { viewport: { width: 360, height: 740 } });
  const [, given] = STATES.find(([name]) => name.startsWith("safe with an unkept soul"));
  await play(staged(store(given), given));
  await untilText(page, "sentence", /Keep your soul/);
  const seen = () => page.evaluate(() => [document.querySelector("#safety").offsetHeight, document.querySelector("#content").offsetTop]);
  const [open, below] = await seen();
  await page.evaluate(() => scrollTo(0, 1_000));
  await page.waitForFunction(() => document.querySelector("#safety").dataset.stuck === "true");
  const [folded, belowThen] = await seen();
  assert.ok(folded <= 70 && folded < open, `${folded} px of ${open}`);
  assert.equal(belowThen, below);
  // Whether it is safe stays in sight; how it came back gives way.
  const [, restored] = STATES.find(([name]) => name.startsWith("restored says from whom"));
  await play(staged(store(restored), restored));
  assert.deepEqual(await page.locator("#sentence").evaluate((line) => [/^Safe: /.test(line.innerText), /^Restored/.test(line.textContent)]), [true, true]);
  await play(staged(store(given), given));
  await page.evaluate(() => scrollTo(0, 0));
  await page.waitForFunction(() => document.querySelector("#safety").dataset.stuck === "false");
  assert.deepEqual(await seen(), [open, below]);
});

test("an id that more than one key claims is told, and changes nothing else", PATIENT, async (t) => {
  const { page, play } = await stage(t);
  const [, given] = STATES.find(([name]) => name.startsWith("safe says how many hold"));
  await play(staged(store(given), given));
  assert.equal(await page.getByTestId("conflicts").isVisible(), false);
  const conflicts = [{ id: "peer-1", name: "peer-1" }];
  await play(staged(store({ ...given, status: { conflicts } }), given));
  assert.match(await untilText(page, "conflicts", /./), /^More than one key claims to be peer-1\./);
  await untilText(page, "sentence", /3 of 3 confidants hold it/);
});
