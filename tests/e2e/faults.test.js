// What browsers do to pages: freeze, discard, cache, cut off, put to sleep. Nothing is lost, and all is well again within 5 s.
import assert from "node:assert/strict";
import { test } from "node:test";
import { launchFreezable, untilText } from "../support/chromium.js";
import { Neighbourhood } from "../support/naras.js";
import { until } from "../support/until.js";
import { browserAndHost, saveFirst } from "../support/visit.js";
import { layWire } from "../support/wire.js";

const PATIENT = { timeout: 60_000 };
const BACK_MS_MAX = 5_000;
const NOT_SAVED = /^Not saved yet/;
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

/** The same for a page whose timers the browser itself stops. */
function ownClock(ms) {
  globalThis.passedMs = ms;
  for (const clock of [Date, performance]) {
    const now = clock.now.bind(clock);
    clock.now = () => now() + globalThis.passedMs;
  }
}

/** Lets an hour pass: on the page's clock and timers, and on the clock of everybody else. */
async function passAnHour(page) {
  passedMs += HOUR_MS;
  await page.clock.fastForward(HOUR_MS);
}

/**
 * Wakes a nara from the package in a page, with a memory that three hold; it is `globalThis.it` there. `ends` is what became
 * of its calls, `wasLost` whether its connection was ever gone, `backAt` when it was there again, by the page's clock, and
 * `settled` which operations the core said to have ended: a promise would hide that one ended twice.
 */
async function wakeIn(page, plaza) {
  await page.evaluate(async (plaza) => {
    const { Nara } = await import("/nara/pkg/index.js");
    globalThis.it = await Nara.wake({ plaza });
    Object.assign(globalThis, { wasLost: false, backAt: null });
    for (let tries = 0; it.stash.confidants().length < 3; tries += 1) {
      if (tries === 20) throw new Error("no three confidants");
      await it.stash.set({ tea: "oolong" }).catch(() => {});
    }
    it.addEventListener("status", () => {
      const isOnline = it.status().connection.state === "online";
      wasLost ||= !isOnline;
      if (wasLost && isOnline) backAt ??= Date.now();
    });
  }, plaza);
}

/** Begins calls, and writes down how each of them ends, every time that it does. */
async function beginCalls(page) {
  await page.evaluate(() => {
    globalThis.ends = [];
    globalThis.settled = [];
    // All that the core says goes through here: a word, its value, and the operation that it ends, if any.
    const { parse } = JSON;
    JSON.parse = (...parts) => {
      const said = parse(...parts);
      if (Array.isArray(said) && said.length === 3 && Number.isInteger(said[2])) settled.push(said[2]);
      return said;
    };
    const [{ id }] = it.stash.confidants();
    const calls = { ask: it.stash.requestFrom(id, { deadline: 8_000 }), set: it.stash.set({ tea: "sencha" }, { deadline: 20_000 }) };
    for (const [name, call] of Object.entries(calls)) {
      call.then(() => ends.push([name, "resolved"]), ({ name: kind, code }) => ends.push([name, kind, code]));
    }
  });
}

/** What time it is in a page. */
const timeIn = (page) => page.evaluate(() => Date.now());

/** What must hold after each fault: back within 5 s, each call failed once with its code, and the newest memory is kept. */
async function assertBack(t, page, since) {
  await until("the nara to be connected anew", () => page.evaluate(() => backAt !== null && it.status().connection.state === "online"));
  const tookMs = (await page.evaluate(() => backAt)) - since;
  t.diagnostic(`connected anew after ${tookMs} ms`);
  assert.ok(tookMs < BACK_MS_MAX, `connected anew after ${tookMs} ms`);
  assert.deepEqual(await page.evaluate(() => it.stash.get().data), { tea: "sencha" });
  await until("three to hold the newest version", () => page.evaluate(() => it.stash.confidants().length >= 3));
  await until("both calls to end", () => page.evaluate(() => ends.length >= 2));
  const ends = await page.evaluate(() => ends);
  assert.deepEqual(ends.map(([name]) => name).sort(), ["ask", "set"]);
  // Whatever the core still had to end, it ends now.
  const settled = await page.evaluate(() => it.sleep().then(() => settled));
  assert.deepEqual([settled.length, new Set(settled).size], [2, 2], `ended: ${settled}`);
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
  const onlineAt = await timeIn(page);
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
  const again = await page.context().newPage();
  await again.goto(shared.host.url);
  await untilText(again, "sentence", SAFE);
  // Since it began to load: that the browser needs a new process for it is no matter of the page.
  const tookMs = await again.evaluate(() => performance.now());
  t.diagnostic(`its memory was back after ${Math.round(tookMs)} ms`);
  assert.ok(tookMs < BACK_MS_MAX, `its memory was back after ${Math.round(tookMs)} ms`);
  assert.deepEqual(JSON.parse(await again.getByTestId("memory-editor").inputValue()), { tea: "oolong" });
});

test("a tab that the browser keeps aside, and brings back with its edits", PATIENT, async (t) => {
  const page = await shared.visit(t);
  await saveFirst(page);
  await page.getByTestId("remember").check();
  const draft = '{"tea":"sencha, not saved"}';
  await page.getByTestId("memory-editor").fill(draft);
  await untilText(page, "sentence", NOT_SAVED);
  // Leaving is asked about, and done.
  page.once("dialog", (dialog) => dialog.accept());
  await page.evaluate(() => addEventListener("pageshow", ({ persisted }) => (globalThis.persisted = persisted)));
  await page.goto(`${shared.host.url}config.json`);
  const backAt = Date.now();
  // A page from the cache loads nothing, so there is no load to wait for.
  await page.goBack({ waitUntil: "commit" });
  await page.waitForFunction(() => globalThis.persisted === true);
  await untilText(page, "sentence", NOT_SAVED);
  t.diagnostic(`its memory was back after ${Date.now() - backAt} ms`);
  assert.ok(Date.now() - backAt < BACK_MS_MAX);
  assert.equal(await page.getByTestId("memory-editor").inputValue(), draft);
  await page.getByTestId("undo").click();
  assert.equal(await page.getByTestId("memory-editor").inputValue(), '{"tea":"oolong"}');
  await untilText(page, "sentence", SAFE);
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
  const browser = await launchFreezable();
  t.after(() => browser.stop());
  const wire = await layWire(shared.host.plaza);
  t.after(() => wire.stop());
  const { page, freeze, thaw } = await browser.open(shared.host.url, (page) => page.addInitScript(ownClock, passedMs));
  await wakeIn(page, wire.url);
  await page.evaluate(() => {
    Object.assign(globalThis, { ticks: 0, told: [] });
    setInterval(() => (ticks += 1), 50);
    for (const event of ["freeze", "resume"]) document.addEventListener(event, () => told.push(event));
  });
  wire.kill();
  await beginCalls(page);
  await freeze();
  await until("the tab to be frozen", () => page.evaluate(() => told.length > 0));
  const ticks = () => page.evaluate(() => globalThis.ticks);
  const before = await ticks();
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  assert.equal(await ticks(), before, "its timers stand still");
  passedMs += HOUR_MS;
  await page.evaluate((ms) => (globalThis.passedMs = ms), passedMs);
  const thawedAt = await timeIn(page);
  await thaw();
  assert.deepEqual(await assertBack(t, page, thawedAt), GAVE_UP);
  assert.deepEqual(await page.evaluate(() => told), ["freeze", "resume"]);
});

test("a machine that sleeps for an hour, of which only the clock tells", PATIENT, async (t) => {
  const { page, wire } = await shared.visitByWire(t, { prepare: movable });
  await wakeIn(page, wire.url);
  wire.kill();
  await beginCalls(page);
  await passAnHour(page);
  const wokenAt = await timeIn(page);
  assert.deepEqual(await assertBack(t, page, wokenAt), GAVE_UP);
});
