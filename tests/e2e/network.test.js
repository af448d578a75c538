// What the page shows while networks and brokers come and go: what is safe, what is being done, and that it is back.
import assert from "node:assert/strict";
import { test } from "node:test";
import { launchFreezable, openPage, untilText } from "../support/chromium.js";
import { startCommand } from "../support/command.js";
import { chosenPlaza } from "../support/plazas.js";
import { until } from "../support/until.js";
import { browserAndHost, saveFirst } from "../support/visit.js";
import { layWire } from "../support/wire.js";

const PATIENT = { timeout: 90_000 };
const SAFE = /3 of 3 confidants hold it/;
/** A connection in doubt is proved within 2 s, and the page says so. */
const NOTICED_MS = 5_000;

const shared = browserAndHost();

test("a broker that restarts is told, with the last safe copy, and joined again", PATIENT, async (t) => {
  let plaza = await chosenPlaza.open();
  t.after(() => plaza.stop());
  const host = await startCommand("--broker", plaza.url);
  t.after(() => host.stop());
  const { page, close } = await openPage(shared.browser, host.url);
  t.after(close);
  await saveFirst(page);
  await plaza.stop();
  await untilText(page, "sentence", /^Reaching the plaza.*Version 1 was last held by 3 of 3 confidants/);
  await page.getByTestId("memory-editor").fill('{"tea":"sencha"}');
  await untilText(page, "sentence", /Your edits are only in this tab; version 1 was last held/);
  plaza = await chosenPlaza.open(plaza.at);
  await page.getByTestId("save").focus();
  await page.keyboard.press("r");
  await untilText(page, "sentence", /^(Not saved yet|Waiting for peers).*Your edits are only in this tab/);
});

test("a network that goes is noticed within seconds, by a hidden tab too, whose timers the browser holds back", PATIENT, async (t) => {
  // Browsers hold timers back by the minute; here none of the page's own is served at all while it is hidden.
  const holdBack = () => {
    const { setTimeout } = globalThis;
    let hidden = false;
    Object.defineProperty(document, "hidden", { get: () => hidden });
    globalThis.setTimeout = (...parts) => (hidden ? 0 : setTimeout(...parts));
    globalThis.hide = (yes) => {
      hidden = yes;
      document.dispatchEvent(new Event("visibilitychange"));
    };
  };
  const { page, wire } = await shared.visitByWire(t, { prepare: (page) => page.addInitScript(holdBack) });
  await saveFirst(page);

  await page.context().setOffline(true);
  wire.kill();
  await untilText(page, "sentence", /^Reaching the plaza.*Version 1 was last held/, NOTICED_MS);
  await page.context().setOffline(false);
  await untilText(page, "sentence", SAFE);

  const [worker] = await Promise.all([page.waitForEvent("worker"), page.evaluate(() => globalThis.hide(true))]);
  assert.match(worker.url(), /\/ticker\.js$/);
  wire.kill();
  // Looked at in the page: from outside it may be over before it is seen.
  await page.evaluate(() => {
    const sentence = document.querySelector("#sentence");
    const since = performance.now();
    new MutationObserver(() => {
      if (/^Reaching the plaza/.test(sentence.textContent.trim())) globalThis.noticedMs ??= performance.now() - since;
    }).observe(sentence, { childList: true, subtree: true, characterData: true });
    dispatchEvent(new Event("offline"));
  });
  const noticedMs = await until("the page to say so", () => page.evaluate(() => globalThis.noticedMs));
  assert.ok(noticedMs < NOTICED_MS, `noticed after ${Math.round(noticedMs)} ms`);
  await untilText(page, "sentence", SAFE);
  await Promise.all([worker.waitForEvent("close"), page.evaluate(() => globalThis.hide(false))]);
  assert.deepEqual(page.workers(), []);
});

test("a tab that was frozen while its connection died says so, and is safe again", PATIENT, async (t) => {
  const browser = await launchFreezable();
  t.after(() => browser.stop());
  const wire = await layWire(shared.host.plaza);
  t.after(() => wire.stop());
  const { page, freeze, thaw } = await browser.open(`${shared.host.url}?plaza=${wire.url}`);
  await saveFirst(page);
  await page.evaluate(() => {
    globalThis.said = [];
    const sentence = document.querySelector("#sentence");
    new MutationObserver(() => globalThis.said.push(sentence.textContent)).observe(sentence, { childList: true, subtree: true, characterData: true });
  });
  await freeze();
  wire.kill();
  await thaw();
  await page.waitForFunction(() => globalThis.said.some((words) => /^Reaching the plaza.*Version 1 was last held by 3 of 3 confidants/.test(words)));
  await untilText(page, "sentence", SAFE);
});
