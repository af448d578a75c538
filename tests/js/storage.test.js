// The option `storage`: the application's own place for the soul.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Nara } from "light-nara";
import { Nara as InWorker } from "light-nara/worker";
import { startServer } from "../../host/server.js";
import { Neighbourhood, untilConnection } from "../support/naras.js";
import { until } from "../support/until.js";

const KEY = "light-nara:soul";
const HOLDERS_KEY = "light-nara:holders";

let server;
let neighbours;
before(async () => {
  server = await startServer({ port: 0, listen: "127.0.0.1" });
  neighbours = new Neighbourhood(server.plaza);
});
after(async () => {
  await neighbours.sleep();
  await server.close();
});

test("a nara is the same one again, by a Map that holds its soul and, before a memory is held, nothing else", async () => {
  const storage = new Map();
  const first = await neighbours.wake({ storage });
  assert.deepEqual([...storage], [[KEY, first.soul]]);
  first.stash.setStashData({ tea: "oolong" });
  await first.sleep();
  const second = await neighbours.wake({ storage });
  assert.equal(second.id, first.id);
  assert.equal(second.status().stash.gate, "searching");
  assert.deepEqual([...storage], [[KEY, first.soul]]);
  await second.sleep();
});

test("who holds the memory is remembered by id and public key, and asked directly the next time", async () => {
  const others = await neighbours.wakeMany(3);
  const storage = new Map();
  const first = await neighbours.wake({ storage, stash: { spares: 0 } });
  const saved = await first.stash.set({ tea: "oolong" });
  const remembered = () => (storage.get(HOLDERS_KEY) ?? "").trimEnd().split("\n");
  await until("three holders to be remembered", () => remembered().length === 3);
  assert.ok(remembered().every((line) => /^\w+ [A-Za-z0-9+/]{43}=$/.test(line)));
  const ids = remembered().map((line) => line.split(" ")[0]).sort();
  assert.deepEqual(ids, saved.holders.map(({ id }) => id).sort());
  assert.deepEqual([...storage.keys()], [KEY, HOLDERS_KEY]);
  await first.sleep();

  const second = await neighbours.wake({ storage, stash: { spares: 0 } });
  const asked = [];
  second.addEventListener("traffic", ({ detail }) => detail.kind === "stash:request" && asked.push(detail.to));
  assert.deepEqual((await second.stash.recover()).data, { tea: "oolong" });
  assert.deepEqual(asked.slice(0, 3).sort(), ids);
  await Promise.all([second, ...others].map((nara) => nara.sleep()));
});

test("what the storage remembers of holders may be anything", async () => {
  const first = await neighbours.wake();
  const { soul } = first;
  await first.sleep();
  for (const holders of [5, "", "nobody", "a b\n\nc", "x".repeat(100_000)]) {
    const nara = await neighbours.wake({ storage: new Map([[KEY, soul], [HOLDERS_KEY, holders]]) });
    assert.equal(nara.soul, soul);
    await nara.sleep();
  }
});

test("a storage may answer later, and is waited for before the nara joins", async () => {
  const calls = [];
  let stored;
  const later = (value) => new Promise((resolve) => setTimeout(resolve, 50, value));
  const watcher = await neighbours.wake();
  await untilConnection(watcher, "online");
  const nara = await neighbours.wake({
    storage: {
      get: async (key) => (calls.push(["get", key]), later(null)),
      set: async (key, value) => {
        calls.push(["set", key]);
        await later();
        assert.deepEqual(watcher.status().peers.filter(({ presence }) => presence === "online"), []);
        stored = value;
      },
    },
  });
  assert.deepEqual(calls, [["get", KEY], ["set", KEY]]);
  assert.equal(stored, nara.soul);
  await nara.sleep();
  await watcher.sleep();
});

test("who wake at once on an empty storage are one soul, here and in workers", async () => {
  for (const wake of [(options) => neighbours.wake(options), (options) => InWorker.wake({ plaza: server.plaza, ...options })]) {
    const kept = new Map();
    // As slow as IndexedDB.
    const later = (value) => new Promise((resolve) => setTimeout(resolve, 20, value));
    const storage = { get: (key) => later(kept.get(key)), set: async (key, value) => { await later(); kept.set(key, value); } };
    const naras = await Promise.all([wake({ storage }), wake({ storage }), wake({ storage })]);
    assert.deepEqual(naras.map(({ soul }) => soul), Array(3).fill(kept.get(KEY)));
    await Promise.all(naras.map((nara) => nara.sleep()));
  }
});

test("a storage that failed once is asked again", async () => {
  const kept = new Map();
  let fails = true;
  const storage = { get: (key) => { if (fails) throw new Error("not yet"); return kept.get(key); }, set: (key, value) => kept.set(key, value) };
  await assert.rejects(neighbours.wake({ storage }), { code: "storage_failed" });
  fails = false;
  const nara = await neighbours.wake({ storage });
  assert.equal(kept.get(KEY), nara.soul);
});

test("a soul that is given is stored where none was, and never over another", async () => {
  const [one, other] = await neighbours.wakeMany(2);
  const storage = new Map();
  await (await neighbours.wake({ storage, soul: one.soul })).sleep();
  assert.equal(storage.get(KEY), one.soul);
  await assert.rejects(neighbours.wake({ storage, soul: other.soul }), { name: "NaraError", code: "option_invalid", message: /^soul: the storage remembers another/ });
  assert.equal(storage.get(KEY), one.soul);
});

test("a storage that fails is an error with its cause, and nobody joins whose soul is not kept", async () => {
  const full = new Error("no room");
  const throwing = { get: () => null, set: () => { throw full; } };
  await assert.rejects(neighbours.wake({ storage: throwing }), { name: "NaraError", code: "storage_failed", message: "storage.set: no room", cause: full });
  await assert.rejects(neighbours.wake({ storage: { get: async () => { throw full; }, set() {} } }), { code: "storage_failed", cause: full });
  await assert.rejects(neighbours.wake({ storage: { get: () => 5, set() {} } }), { code: "storage_failed", message: /no string/ });
  await assert.rejects(neighbours.wake({ storage: new Map([[KEY, "no soul"]]) }), { code: "soul_invalid" });
});

test("what is no storage is refused by name", async () => {
  for (const storage of [null, {}, { get() {} }, "localStorage"]) {
    for (const face of [Nara, InWorker]) {
      await assert.rejects(face.wake({ plaza: server.plaza, storage }), { code: "option_invalid", message: /^storage\.(get|set): / });
    }
  }
});
