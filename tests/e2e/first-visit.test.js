// A first visit over a slow phone's network: the choice is there before the module is, and one can write soon after it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { browserAndHost } from "../support/visit.js";

/** Fast 3G as DevTools has it: 1.6 Mbit/s down and 750 kbit/s up, nine tenths of it usable, and 562.5 ms for a way there and back. */
const FAST_3G = { offline: false, latency: 562.5, downloadThroughput: (1.6e6 * 0.9) / 8, uploadThroughput: (750e3 * 0.9) / 8 };
const USABLE_MS = 2_000;

const shared = browserAndHost();

test("over fast 3G the page is usable within 2 s of its module's arrival", { timeout: 90_000 }, async (t) => {
  const context = await shared.browser.newContext();
  t.after(() => context.close());
  const page = await context.newPage();
  const debug = await context.newCDPSession(page);
  await debug.send("Network.enable");
  await debug.send("Network.emulateNetworkConditions", FAST_3G);
  await page.addInitScript(() => {
    const seen = { choice: () => !document.querySelector("#welcome").hidden, editor: () => document.body.dataset.phase === "awake", peers: () => /here to keep/.test(document.querySelector("#sentence").textContent) };
    globalThis.at = {};
    addEventListener("click", () => (globalThis.at.click ??= performance.now()), true);
    new MutationObserver(() => {
      if (!document.querySelector("#sheet")) return;
      for (const [what, look] of Object.entries(seen)) if (look()) globalThis.at[what] ??= performance.now();
    }).observe(document, { subtree: true, childList: true, characterData: true, attributes: true });
  });
  await page.goto(shared.host.url, { waitUntil: "commit" });
  await page.getByTestId("start-new").click();
  await page.waitForFunction(() => globalThis.at.peers);
  const { at, arrivedAt, bytes } = await page.evaluate(() => {
    const files = performance.getEntriesByType("resource");
    const module = files.find(({ name }) => name.endsWith(".wasm"));
    return { at: globalThis.at, arrivedAt: module.responseEnd, bytes: files.reduce((sum, { encodedBodySize }) => sum + encodedBodySize, 0) };
  });
  const ms = Object.entries({ ...at, module: arrivedAt }).map(([what, time]) => `${what} ${Math.round(time)} ms`);
  t.diagnostic(`${ms.join(", ")}, ${bytes} bytes`);
  assert.ok(at.choice < arrivedAt, "the choice is there before the module");
  // Nobody wakes before the choice is made, and the click may come late.
  const tookMs = Math.round(at.editor - Math.max(arrivedAt, at.click));
  assert.ok(tookMs < USABLE_MS, `the editor was there ${tookMs} ms after the module and the click`);
});
