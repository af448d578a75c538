// Nobody has to press a button for redundancy to return: confidants go, in every way there is, and a tab keeps three.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launchChromium, openPage } from "../support/chromium.js";
import { startCommand } from "../support/command.js";
import { startResident } from "../support/resident.js";

const PATIENT = { timeout: 180_000 };
const BACK_WITHIN_MS = 10_000;

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

/** A tab whose nara wants three copies and no spares, one of them with `resident`. */
async function tabHeldBy(t, resident) {
  const { page, complaints, close } = await openPage(browser, host.url);
  t.after(async () => {
    await close();
    assert.deepEqual(complaints, []);
  });
  await page.evaluate(async ({ plaza, id }) => {
    const { Nara } = await import("/nara/index.js");
    const nara = await Nara.wake({ plaza, stash: { spares: 0 } });
    globalThis.nara = nara;
    globalThis.copies = () => nara.status().stash.holders;
    const isHere = () => nara.status().peers.filter((peer) => peer.presence === "online").length === 6;
    while (!isHere()) await new Promise((resolve) => setTimeout(resolve, 50));
    await nara.stash.set({ kept: true });
    await nara.stash.setConfidants([id]);
    while (!copies().some((holder) => holder.id === id)) await new Promise((resolve) => setTimeout(resolve, 50));
    // The one beyond three is let go at the next count; here it goes at once.
    for (const { id: other } of copies().filter((holder) => holder.id !== id).slice(2)) await nara.stash.deleteFrom(other);
  }, { plaza: host.plaza, id: resident.id });
  assert.deepEqual(await copies(page, resident), { count: 3, isHolder: true });
  return page;
}

/** How many hold the newest version, and whether `resident` is one of them. */
function copies(page, { id }) {
  return page.evaluate((id) => {
    const holders = globalThis.copies();
    return { count: holders.length, isHolder: holders.some((holder) => holder.id === id) };
  }, id);
}

/** Waits until three hold it without `resident`; returns how long it took from when its loss was noticed. */
function untilSafeWithout(page, { id }) {
  return page.evaluate(async (id) => {
    let noticed = null;
    for (;;) {
      const holders = globalThis.copies();
      const isHolder = holders.some((holder) => holder.id === id);
      if (!isHolder) noticed ??= performance.now();
      if (!isHolder && holders.length >= 3) return performance.now() - noticed;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }, id);
}

test("a confidant in a process of its own says chau, and three hold it again without a click", PATIENT, async (t) => {
  const resident = await startResident(host.plaza);
  const page = await tabHeldBy(t, resident);
  await resident.sayChau();
  const said = Date.now();
  const took = await untilSafeWithout(page, resident);
  assert.ok(took <= BACK_WITHIN_MS && Date.now() - said <= BACK_WITHIN_MS, `it took ${took} ms`);
  await page.evaluate(() => globalThis.nara.sleep());
});
