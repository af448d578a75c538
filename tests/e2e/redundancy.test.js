// Nobody has to press a button for redundancy to return: confidants go, in every way there is, and a tab keeps three.
import assert from "node:assert/strict";
import { test } from "node:test";
import { openPage } from "../support/chromium.js";
import { Neighbourhood, untilPeers } from "../support/naras.js";
import { startResident } from "../support/resident.js";
import { until } from "../support/until.js";
import { browserAndHost, startHost } from "../support/visit.js";

const PATIENT = { timeout: 180_000 };
const BACK_WITHIN_MS = 10_000;
/** 5 s until a loss is noticed, and 2 s and 10 s more for each holder ranked before. */
const HANDED_OFF_MS_MAX = 40_000;

const shared = browserAndHost();

/** A tab whose nara wants three copies and no spares, and a resident that holds one of them: `{ page, resident }`. */
async function tabAndHolder(t) {
  const page = await shared.visit(t);
  await page.evaluate(async (plaza) => {
    const { Nara } = await import("/nara/pkg/index.js");
    const nara = await Nara.wake({ plaza, stash: { spares: 0 } });
    globalThis.nara = nara;
    globalThis.copies = () => nara.status().stash.holders;
    globalThis.here = () => nara.status().peers.filter((peer) => peer.presence === "online");
    while (here().length < 3) await new Promise((resolve) => setTimeout(resolve, 50));
  }, shared.host.plaza);
  // It comes last, so that its greeting is heard: a newcomer is answered by five at most, and would wait long for a sixth.
  const resident = await startResident(shared.host.plaza);
  t.after(() => resident.kill());
  await page.evaluate(async (id) => {
    while (!here().some((peer) => peer.id === id)) await new Promise((resolve) => setTimeout(resolve, 50));
    await nara.stash.set({ kept: true });
    await nara.stash.setConfidants([id]);
    while (!copies().some((holder) => holder.id === id)) await new Promise((resolve) => setTimeout(resolve, 50));
    // Those beyond three are let go at the next count; here they go at once, also one whose ack comes meanwhile.
    const others = () => copies().filter((holder) => holder.id !== id);
    while (others().length > 2) await nara.stash.deleteFrom(others()[2].id);
  }, resident.id);
  assert.deepEqual(await copies(page, resident), { count: 3, isHolder: true });
  return { page, resident };
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
  const { page, resident } = await tabAndHolder(t);
  await resident.sayChau();
  const said = Date.now();
  const took = await untilSafeWithout(page, resident);
  assert.ok(took <= BACK_WITHIN_MS && Date.now() - said <= BACK_WITHIN_MS, `it took ${took} ms`);
  await page.evaluate(() => globalThis.nara.sleep());
});

test("the owner's tab is closed, all three confidants go one after the other, and the memory is still there", PATIENT, async (t) => {
  // Nobody else is there at first, so it is clear who holds it; the others come when the owner is away.
  const host = await startHost("--residents", "0");
  t.after(() => host.stop());
  const residents = await Promise.all([1, 2, 3].map(() => startResident(host.plaza)));
  t.after(() => Promise.all(residents.map((resident) => resident.kill())));
  const first = await openPage(shared.browser, host.url);
  const owner = await first.page.evaluate(async ({ plaza }) => {
    const { Nara } = await import("/nara/pkg/index.js");
    const nara = await Nara.wake({ plaza, stash: { spares: 0 } });
    const until = async (isSo) => {
      while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 50));
    };
    await until(() => nara.status().peers.filter(({ presence }) => presence === "online").length === 3);
    const mayPassOn = new Set();
    nara.addEventListener("traffic", ({ detail }) => detail.kind === "stash:receipt" && mayPassOn.add(detail.from));
    await nara.stash.set({ kept: "while I was away" });
    await until(() => mayPassOn.size === 3);
    return { id: nara.id, soul: nara.soul };
  }, { plaza: host.plaza });
  await first.close();

  const others = new Neighbourhood(host.plaza);
  t.after(() => others.sleep());
  // With these, each has five others: so many answer a newcomer, and a sixth need not.
  const peers = await others.wakeMany(3);
  const holders = () => peers.filter((peer) => peer.stash.hasStashFor(owner.id)).length;
  await Promise.all(peers.map((peer) => untilPeers(peer, 5)));
  assert.equal(holders(), 0);
  await residents[0].sayChau();
  await until("the first to be replaced", () => holders() >= 1, HANDED_OFF_MS_MAX);
  await residents[1].kill();
  await until("the second to be replaced", () => holders() >= 2, HANDED_OFF_MS_MAX);
  await residents[2].sayChau();
  await until("the third to be replaced", () => holders() >= 3, HANDED_OFF_MS_MAX);

  const second = await openPage(shared.browser, host.url);
  const memory = await second.page.evaluate(async ({ plaza, soul }) => {
    const { Nara } = await import("/nara/pkg/index.js");
    const nara = await Nara.wake({ plaza, soul });
    const { data } = await nara.stash.recover();
    await nara.sleep();
    return data;
  }, { plaza: host.plaza, soul: owner.soul });
  assert.deepEqual(memory, { kept: "while I was away" });
  assert.deepEqual([...first.complaints, ...second.complaints], []);
  await second.close();
});

test("a confidant is killed without a word, and three hold it again soon after that is noticed", PATIENT, async (t) => {
  const { page, resident } = await tabAndHolder(t);
  await resident.kill();
  const took = await untilSafeWithout(page, resident);
  assert.ok(took <= BACK_WITHIN_MS, `it took ${took} ms`);
  await page.evaluate(() => globalThis.nara.sleep());
});
