// What browsers do to pages: freeze, discard, cache, cut off, put to sleep. Nothing is lost, and all is well again within 5 s.
import assert from "node:assert/strict";
import { test } from "node:test";
import { untilText } from "../support/chromium.js";
import { Neighbourhood } from "../support/naras.js";
import { until } from "../support/until.js";
import { browserAndHost, saveFirst } from "../support/visit.js";

const PATIENT = { timeout: 60_000 };
const BACK_MS_MAX = 5_000;
const SAFE = /3 of 3 confidants hold it/;

const shared = browserAndHost({
  launch: { ignoreDefaultArgs: ["--disable-back-forward-cache"] },
  words: ["--residents", "0"],
  also: async ({ host }) => {
    // They live here, so that an hour can pass for them too.
    const residents = new Neighbourhood(host.plaza);
    await residents.wakeMany(5);
    return () => residents.sleep();
  },
});

const HOUR_MS = 3_600_000;
const trueNow = Date.now;
let passedMs = 0;
Date.now = () => trueNow() + passedMs;

/** A clock in a page that can be moved, like the one here. */
const movable = (page) => page.clock.install({ time: Date.now() });

/** Lets an hour pass: on the page's clock and timers, and on the clock of everybody else. */
async function passAnHour(page) {
  passedMs += HOUR_MS;
  await page.clock.fastForward(HOUR_MS);
}

/**
 * Wakes a nara from the package in a page, with a memory that three hold; it is `globalThis.it` there. `ends` is what became
 * of its calls, `wasLost` whether its connection was ever gone.
 */
async function wakeIn(page, plaza) {
  await page.evaluate(async (plaza) => {
    const { Nara } = await import("/nara/pkg/index.js");
    globalThis.it = await Nara.wake({ plaza });
    globalThis.ends = [];
    globalThis.wasLost = false;
    for (let tries = 0; it.stash.confidants().length < 3; tries += 1) {
      if (tries === 20) throw new Error("no three confidants");
      await it.stash.set({ tea: "oolong" }).catch(() => {});
    }
    it.addEventListener("status", () => (wasLost ||= it.status().connection.state !== "online"));
  }, plaza);
}

/** Begins calls, and writes down how each of them ends, every time that it does. */
async function beginCalls(page) {
  await page.evaluate(() => {
    const [{ id }] = it.stash.confidants();
    const calls = { ask: it.stash.requestFrom(id, { deadline: 8_000 }), set: it.stash.set({ tea: "sencha" }, { deadline: 8_000 }) };
    for (const [name, call] of Object.entries(calls)) {
      call.then(() => ends.push([name, "resolved"]), ({ name: kind, code }) => ends.push([name, kind, code]));
    }
  });
}

/** What must hold after each fault: back within 5 s, each call failed once with its code, and the newest memory is kept. */
async function assertBack(t, page, since) {
  await until("the nara to be connected anew", () => page.evaluate(() => wasLost && it.status().connection.state === "online"));
  const tookMs = Date.now() - since;
  t.diagnostic(`connected anew after ${tookMs} ms`);
  assert.ok(tookMs < BACK_MS_MAX, `connected anew after ${tookMs} ms`);
  assert.deepEqual(await page.evaluate(() => it.stash.get().data), { tea: "sencha" });
  await until("three to hold the newest version", () => page.evaluate(() => it.stash.confidants().length >= 3));
  await until("both calls to end", () => page.evaluate(() => ends.length >= 2));
  const ends = await page.evaluate(() => ends);
  assert.deepEqual(ends.map(([name]) => name).sort(), ["ask", "set"]);
  return Object.fromEntries(ends.map(([name, ...how]) => [name, how]));
}

const GAVE_UP = { ask: ["NaraError", "no_answer"], set: ["NaraError", "not_enough_peers"] };

test("a machine that is offline, and online again", PATIENT, async (t) => {
  const { page, wire } = await shared.visitByWire(t);
  await wakeIn(page, wire.url);
  await page.context().setOffline(true);
  wire.kill();
  await beginCalls(page);
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  const onlineAt = Date.now();
  await page.context().setOffline(false);
  const { set } = await assertBack(t, page, onlineAt);
  // There was time left to make the copies.
  assert.deepEqual(set, ["resolved"]);
});

test("a tab that the browser ends to save memory, and loads again", PATIENT, async (t) => {
  const page = await shared.visit(t);
  await saveFirst(page);
  await page.getByTestId("remember").check();
  const devtools = await page.context().newCDPSession(page);
  // Chromium discards no page that a test drives. A discard ends the page's process without a word, and so does this.
  devtools.send("Page.crash").catch(() => {});
  await page.waitForEvent("crash");
  const loadedAt = Date.now();
  const again = await page.context().newPage();
  await again.goto(shared.host.url);
  await untilText(again, "sentence", SAFE);
  t.diagnostic(`its memory was back ${Date.now() - loadedAt} ms after it was loaded`);
  assert.ok(Date.now() - loadedAt < BACK_MS_MAX);
  assert.deepEqual(JSON.parse(await again.getByTestId("memory-editor").inputValue()), { tea: "oolong" });
});

test("a tab that the browser keeps aside, and brings back with its edits", PATIENT, async (t) => {
  const page = await shared.visit(t);
  await saveFirst(page);
  await page.getByTestId("remember").check();
  await page.evaluate(() => addEventListener("pageshow", ({ persisted }) => (globalThis.persisted = persisted)));
  await page.goto(`${shared.host.url}config.json`);
  const backAt = Date.now();
  // A page from the cache loads nothing, so there is no load to wait for.
  await page.goBack({ waitUntil: "commit" });
  await page.waitForFunction(() => globalThis.persisted === true);
  await untilText(page, "sentence", SAFE);
  t.diagnostic(`its memory was back after ${Date.now() - backAt} ms`);
  assert.ok(Date.now() - backAt < BACK_MS_MAX);
});

test("two tabs that live as one soul, in browsers that know nothing of each other", PATIENT, async (t) => {
  const page = await shared.visit(t);
  await wakeIn(page, shared.host.plaza);
  const soul = await page.evaluate(() => it.soul);
  const other = await shared.visit(t);
  await other.evaluate(async ({ soul, plaza }) => {
    const { Nara } = await import("/nara/pkg/index.js");
    globalThis.it = await Nara.wake({ soul, plaza });
    await it.stash.recover();
  }, { soul, plaza: shared.host.plaza });
  for (const one of [page, other]) {
    await until("each to notice the other", () => one.evaluate(() => it.status().elsewhere));
    const code = await one.evaluate(() => it.stash.set({ tea: "none" }).then(() => "stored", ({ code }) => code));
    assert.equal(code, "elsewhere");
    assert.deepEqual(await one.evaluate(() => it.stash.get().data), { tea: "oolong" });
  }
  await other.evaluate(() => it.stash.goOnHere());
  await until("the one that is told to go on to store", () => other.evaluate(async () => {
    return (await it.stash.set({ tea: "sencha" }).catch(() => null))?.holders.length >= 3;
  }));
});

// From here on an hour has passed for everybody, so each page needs a clock that is moved along.
test("a tab that is frozen for an hour, and whose connection dies meanwhile", PATIENT, async (t) => {
  const { page, wire } = await shared.visitByWire(t, { prepare: movable });
  await wakeIn(page, wire.url);
  wire.kill();
  await beginCalls(page);
  // Without a screen Chromium takes every tab to be in sight, and freezes none, whatever DevTools ask for. A tab that thaws
  // finds that an hour has passed at once, and is told so.
  await page.evaluate(() => document.dispatchEvent(new Event("freeze")));
  await passAnHour(page);
  const thawedAt = Date.now();
  await page.evaluate(() => document.dispatchEvent(new Event("resume")));
  assert.deepEqual(await assertBack(t, page, thawedAt), GAVE_UP);
});

test("a machine that sleeps for an hour, of which only the clock tells", PATIENT, async (t) => {
  const { page, wire } = await shared.visitByWire(t, { prepare: movable });
  await wakeIn(page, wire.url);
  wire.kill();
  await beginCalls(page);
  await passAnHour(page);
  const wokenAt = Date.now();
  assert.deepEqual(await assertBack(t, page, wokenAt), GAVE_UP);
});
