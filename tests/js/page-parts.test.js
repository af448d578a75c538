// The page's own parts that need no browser: comparing, undoing, soul files, and who stands where in the picture.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { modulesOf, overBudget, weights } from "../../scripts/weight.js";
import { condensed, diff } from "../../www/diff.js";
import { dated, shortName } from "../../www/format.js";
import { History, STEPS_MAX } from "../../www/history.js";
import { labels, layout, neighbours } from "../../www/neighbourhood.js";
import { readSoul, soulFile, soulLine } from "../../www/soul-text.js";
import { Store } from "../../www/store.js";
import { Trace } from "../../www/trace.js";
import { STATES, store as awake } from "../support/states.js";

const SOUL = "5ThK1oqd8bZSPzFd7tGBw7o5bQvq4Jzjyr1zZdaRhzQ3TU42NQZaoji";
const shown = (lines) => lines.map(({ change, text, count }) => `${change[0]}:${text ?? count}`);

test("a comparison keeps what is equal and tells what came and went", () => {
  assert.deepEqual(shown(diff("a\nb\nc\nd", "a\nx\nc\nd\ne")), ["s:a", "r:b", "a:x", "s:c", "s:d", "a:e"]);
  assert.deepEqual(shown(diff("a\na", "a\na")), ["s:a", "s:a"]);
  assert.deepEqual(shown(diff("a\nb", "b\na")), ["r:a", "s:b", "a:a"]);
});

test("a comparison leads from one text to the other, and back", () => {
  const texts = ["", "a", "a\nb\nc", "c\nb\na", "a\na\nb\na", "b\n\nb\nc"];
  for (const from of texts) {
    for (const to of texts) {
      const lines = diff(from, to);
      const without = (change) => lines.filter((line) => line.change !== change).map(({ text }) => text).join("\n");
      assert.equal(without("added"), from);
      assert.equal(without("removed"), to);
    }
  }
});

test("texts too long to compare line by line are still both shown", () => {
  const many = (word) => Array.from({ length: 3_000 }, (_, i) => `${word}${i}`).join("\n");
  const lines = diff(many("a"), many("b"));
  assert.equal(lines.length, 6_000);
});

test("equal lines far from any change are counted, not shown", () => {
  const from = "1\n2\n3\n4\n5\n6\n7\n8\n9";
  assert.deepEqual(shown(condensed(diff(from, from.replace("6", "six")), 1)), ["s:4", "s:5", "r:6", "a:six", "s:7", "s:2"]);
});

test("undo and redo go through every text, and what is typed in one go is one step", () => {
  const history = new History("a");
  history.note("ab");
  history.note("abc", { merge: true });
  history.note("found");
  assert.equal(history.undo(), "abc");
  assert.equal(history.undo(), "a");
  assert.equal(history.undo(), null);
  assert.equal(history.redo(), "abc");
  history.note("abd");
  assert.equal(history.redo(), null);
  assert.equal(history.undo(), "abc");
});

test("undo keeps a bounded number of steps", () => {
  const history = new History("start");
  for (let i = 0; i < 2 * STEPS_MAX; i += 1) history.note(`text ${i}`);
  let steps = 0;
  while (history.undo() !== null) steps += 1;
  assert.equal(steps, STEPS_MAX);
});

test("a soul file gives soul and name back, whatever the name", () => {
  for (const name of ["gopher-01", " spaces at both ends ", "日本 \"quoted\""]) {
    assert.deepEqual(readSoul(soulFile({ soul: SOUL, name, id: "id" })), { soul: SOUL, name });
    assert.deepEqual(readSoul(soulLine({ soul: SOUL, name })), { soul: SOUL, name });
  }
  assert.deepEqual(readSoul(`\n  ${SOUL}`), { soul: SOUL });
});

test("a file that holds no soul is refused", () => {
  for (const text of ["{", '{"soul":7}', '{"name":"x"}', '{"soul":"x","name":{}}', "{}"]) {
    assert.throws(() => readSoul(text), /holds no soul/);
  }
});

const peer = (id, more = {}) => ({ id, name: id, presence: "online", ...more });
const AROUND = {
  confidants: [peer("c1", { state: "acked", version: 2 }), peer("c2", { state: "acked", version: 1 }), peer("c3", { state: "pending" }), peer("c4", { state: "silent", presence: "missing" })],
  held: { stashes: [peer("o1", { presence: "offline" }), peer("c1")] },
  stash: { version: 2 },
  peers: [peer("c1"), peer("x1"), peer("x2", { presence: "offline" }), peer("o1", { presence: "offline" })],
};

test("everybody around has one place: confidants first, owners beyond, others who are here outside", () => {
  const found = neighbours(AROUND).map(({ id, ring, edge }) => `${id} ${ring} ${edge}`);
  assert.deepEqual(found, [
    "c1 confidant acked", "c2 confidant pending", "c3 confidant pending", "c4 confidant failed", "o1 owner owner", "x1 other none",
  ]);
  assert.equal(neighbours(AROUND)[0].keeps, true);
});

test("the rings lie one outside the other, inside the picture, and empty places stay visible", () => {
  for (const width of [300, 700]) {
    const everybody = neighbours({ ...AROUND, confidants: AROUND.confidants.slice(0, 2) });
    const map = layout(everybody, 3, width);
    const far = ({ x, y }) => Math.hypot((x - map.middle.x) / map.width, (y - map.middle.y) / map.height);
    const farthest = (ring) => map.peers.filter((one) => one.ring === ring).map(far);
    assert.ok(Math.max(...farthest("confidant")) < Math.min(...farthest("owner")));
    assert.ok(Math.max(...farthest("owner")) < Math.min(...farthest("other")));
    assert.ok(map.peers.every(({ x, y }) => x > 0 && x < map.width && y > 0 && y < map.height));
    assert.equal(map.vacant.length, 1);
  }
});

test("who does not fit on the outer ring is counted", () => {
  const peers = Array.from({ length: 50 }, (_, i) => peer(`x${i}`));
  const map = layout(neighbours({ confidants: [], held: { stashes: [] }, stash: { version: null }, peers }), 3, 300);
  assert.equal(map.peers.length + map.more, 50);
  assert.ok(map.more > 0);
});

test("a long name keeps both its ends", () => {
  assert.equal(shortName("mysterious-pineapple-042", 16), "mysterio…ple-042");
  assert.equal(shortName("golden-sun-559", 16), "golden-sun-559");
  assert.equal(shortName("日本語日本語", 3), "日…語");
  assert.equal(shortName("mysterious-fern-42", 17), "mysterious-fern-42", "one letter is not worth a mark");
});

test("names in the picture do not lie on each other, and stay in it", () => {
  const confidants = Array.from({ length: 5 }, (_, i) => peer(`c${i}`, { state: "acked", version: 2 }));
  for (const width of [300, 328, 700]) {
    const map = layout(neighbours({ ...AROUND, confidants, peers: [], held: { stashes: [] } }), 3, width);
    const named = labels([{ ...map.middle, label: "me", size: 54 }, ...map.peers.map((one) => ({ ...one, label: "mysterious-fern-42", size: 38 }))], map);
    for (const [i, { at: one }] of named.entries()) {
      assert.ok(one.y > 10 && one.y < map.height, `${width}: ${one.y} of ${map.height}`);
      for (const { at: other } of named.slice(1, i)) assert.ok(Math.abs(one.y - other.y) >= 12 || Math.abs(one.x - other.x) >= 18 * 6.5, `at ${width}: ${JSON.stringify([one, other])}`);
    }
  }
});

test("what is on paper has its date, also on the day", () => {
  assert.match(dated(Date.now()), /^\d{1,2} \w{3,4} \d{4}, \d\d:\d\d:\d\d$/);
});

test("what was forgotten has no lanes any more", () => {
  const answers = [{ id: "a", name: "a", atMs: 50, result: "chosen" }];
  assert.deepEqual(new Trace().lanes({ recovery: { state: "none", startedAt: 1, tookMs: 100, answers } }), []);
});

test("leaving is asked about only while words are in this tab alone", () => {
  const asks = (given) => Object.assign(new Store(), { status: awake(given).status, memory: null, phase: "awake", ...given.fields }).isUnacknowledged;
  const [, safe] = STATES.find(([name]) => name.startsWith("safe says how many hold"));
  const kept = { memory: { data: { tea: "oolong" }, savedAt: 1, version: 4 }, text: '{"tea":"oolong"}', base: '{"tea":"oolong"}' };
  assert.equal(asks({ fields: {} }), false, "nothing was written");
  assert.equal(asks({ ...safe, fields: kept }), false, "three hold it");
  assert.equal(asks({ ...safe, fields: { ...kept, soulAtRisk: true } }), false, "a soul is no edit");
  assert.equal(asks({ ...safe, fields: { ...kept, text: '{"tea":"sencha"}' } }), true, "edits");
  assert.equal(asks({ ...safe, fields: { ...kept, text: '{"tea":"milk"}', base: '{"tea":"milk"}' } }), true, "back at what was there before a version that the nara has");
  assert.equal(asks({ ...safe, fields: { ...kept, other: { text: '{"tea":"milk"}', base: "" } } }), true, "edits kept aside");
  assert.equal(asks({ ...safe, fields: { ...kept, memory: null } }), false, "not looked for yet");
  assert.equal(asks({ ...safe, recovery: { state: "not_found" }, fields: { ...kept, memory: null } }), true, "what nobody has any more");
  assert.equal(asks({ ...safe, fields: { ...kept, saving: { after: 3 } } }), true, "under way");
  assert.equal(asks({ stash: { version: 4 }, fields: kept }), true, "saved, and nobody acknowledged it");
  assert.equal(asks({ stash: { version: 4 }, fields: { ...kept, phase: "mirror" } }), false, "another tab has it");
});

test("a lane tells when a peer was asked, and who has not answered", () => {
  const trace = new Trace();
  const at = 1_000_000;
  trace.note({ to: "before", kind: "stash:request" }, at - 5);
  trace.note({ to: "a", kind: "stash:request" }, at + 10);
  trace.note({ to: "mute", kind: "stash:request" }, at + 20);
  trace.note({ to: "b", kind: "stash:store" }, at + 30);
  trace.note({ to: "later", kind: "stash:request" }, at + 900);
  const answers = [{ id: "b", name: "b", atMs: 80, result: "opened" }, { id: "a", name: "a", atMs: 50, result: "chosen" }];
  const lanes = trace.lanes({ recovery: { state: "recovered", startedAt: at, tookMs: 100, answers }, peers: [peer("mute")] });
  assert.deepEqual(lanes.map(({ id, askedMs, atMs, result }) => [id, askedMs, atMs, result]), [
    ["a", 10, 50, "chosen"], ["b", 0, 80, "opened"], ["mute", 20, null, "silent"],
  ]);
});

test("a first visit stays within its budget", () => {
  assert.deepEqual(overBudget(weights()), []);
  assert.equal(overBudget({ wasm: 10_000_000 }).length, 1);
});

test("the page never makes markup of text, and keeps no code in its markup", async () => {
  const www = new URL("../../www/", import.meta.url);
  for (const path of [...modulesOf("main.js"), ...modulesOf("nara/index.js")].filter((path) => !path.includes("/pkg/"))) {
    assert.doesNotMatch(await readFile(new URL(path, www), "utf8"), /innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|\beval\(|new Function/, path);
  }
  const page = await readFile(new URL("index.html", www), "utf8");
  assert.doesNotMatch(page, /\son\w+=|\sstyle=|<style|javascript:/);
  assert.deepEqual([...page.matchAll(/<script[^>]*>([^]*?)<\/script>/g)].map(([, code]) => code), [""]);
});

test("the page names every module it will load, and no other", async () => {
  const page = await readFile(new URL("../../www/index.html", import.meta.url), "utf8");
  const named = [...page.matchAll(/rel="modulepreload" href="\.\/([^"]+)"/g)].map(([, path]) => path);
  assert.deepEqual(named.sort(), modulesOf("main.js").slice(1).sort());
});
