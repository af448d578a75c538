// What the page shows while networks and brokers come and go: what is safe, what is being done, and that it is back.
import assert from "node:assert/strict";
import { test, after, before } from "node:test";
import { startServer } from "../../host/server.js";
import { launchChromium, openPage, untilText } from "../support/chromium.js";
import { startCommand } from "../support/command.js";
import { layWire } from "../support/wire.js";

const PATIENT = { timeout: 90_000 };
const SAFE = /3 of 3 confidants hold it/;
/** A connection in doubt is proved within 2 s, and the page says so. */
const NOTICED_MS = 5_000;

let browser;
let host;
before(async () => {
  browser = await launchChromium();
  host = await startCommand();
});
after(async () => {
  await browser?.close();
  await host?.stop();
});

/** A page at the end of a wire of its own: `{ page, wire }`. */
async function visit(t, prepare) {
  const wire = await layWire(host.plaza);
  t.after(() => wire.stop());
  const { page, complaints, close } = await openPage(browser, `${host.url}?plaza=${wire.url}`, { prepare });
  t.after(async () => {
    await close();
    assert.deepEqual(complaints, []);
  });
  return { page, wire };
}

async function save(page) {
  await page.getByTestId("start-new").click();
  await page.getByTestId("memory-editor").fill('{"tea":"oolong"}');
  await untilText(page, "sentence", /not saved yet/i);
  await page.getByTestId("save").click();
  await untilText(page, "sentence", SAFE);
}

test("a broker that restarts is told, with the last safe copy, and joined again", PATIENT, async (t) => {
  const first = await startServer({ port: 0, listen: "127.0.0.1" });
  const host = await startCommand("--broker", first.plaza);
  t.after(() => host.stop());
  const { page, close } = await openPage(browser, host.url);
  t.after(close);
  await save(page);
  await first.close();
  await untilText(page, "sentence", /^Reaching the plaza.*Version 1 was last held by 3 of 3 confidants/);
  await page.getByTestId("memory-editor").fill('{"tea":"sencha"}');
  await untilText(page, "sentence", /Your edits are only in this tab; version 1 was last held/);
  const second = await startServer({ port: Number(new URL(first.plaza).port), listen: "127.0.0.1" });
  t.after(() => second.close());
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
  const { page, wire } = await visit(t, (page) => page.addInitScript(holdBack));
  await save(page);

  await page.context().setOffline(true);
  wire.kill();
  await untilText(page, "sentence", /^Reaching the plaza.*Version 1 was last held/, NOTICED_MS);
  await page.context().setOffline(false);
  await untilText(page, "sentence", SAFE);

  const [worker] = await Promise.all([page.waitForEvent("worker"), page.evaluate(() => globalThis.hide(true))]);
  assert.match(worker.url(), /\/ticker\.js$/);
  wire.kill();
  await page.evaluate(() => dispatchEvent(new Event("offline")));
  await untilText(page, "sentence", /^Reaching the plaza/, NOTICED_MS);
  await untilText(page, "sentence", SAFE);
  await Promise.all([worker.waitForEvent("close"), page.evaluate(() => globalThis.hide(false))]);
  assert.deepEqual(page.workers(), []);
});

test("a tab that was frozen while its connection died says so, and is safe again", PATIENT, async (t) => {
  const { page, wire } = await visit(t);
  await save(page);
  await page.evaluate(() => {
    globalThis.said = [];
    const sentence = document.querySelector("#sentence");
    new MutationObserver(() => globalThis.said.push(sentence.textContent)).observe(sentence, { childList: true, subtree: true, characterData: true });
  });
  // Without a screen Chromium freezes no tab, whatever DevTools ask for (see faults.test.js); what a thawed one is told is this.
  await page.evaluate(() => document.dispatchEvent(new Event("freeze")));
  wire.kill();
  await page.evaluate(() => document.dispatchEvent(new Event("resume")));
  await page.waitForFunction(() => globalThis.said.some((words) => /^Reaching the plaza.*Version 1 was last held by 3 of 3 confidants/.test(words)));
  await untilText(page, "sentence", SAFE);
});
