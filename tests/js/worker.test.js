// `light-nara/worker` in Node, where the worker is a thread: the same nara, by messages.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { Worker } from "node:worker_threads";
import { Nara as Local, NaraError as LocalError } from "light-nara";
import { Nara, NaraError } from "light-nara/worker";
import { startServer } from "../../host/server.js";
import { Neighbourhood } from "../support/naras.js";
import { until } from "../support/until.js";

const SIDE = new URL("../../www/nara/worker-side-node.js", import.meta.url);
const MEMORY = { tea: "oolong", signal: "smoke", at: new Date(0), left: undefined };

let server;
let neighbours;
const awake = [];
before(async () => {
  server = await startServer({ port: 0, listen: "127.0.0.1" });
  neighbours = new Neighbourhood(server.plaza);
  await neighbours.wakeMany(3);
});
after(async () => {
  await Promise.all(awake.map((nara) => nara.sleep()));
  await neighbours.sleep();
  await server.close();
});

async function wake(options = {}) {
  const nara = await Nara.wake({ plaza: server.plaza, ...options });
  awake.push(nara);
  return nara;
}

test("a memory is kept, and comes back to a nara without a worker", async () => {
  const nara = await wake();
  assert.match(nara.id, /^[1-9A-HJ-NP-Za-km-z]{40,46}$/);
  await until("three peers", async () => (await nara.status()).peers.length >= 3);
  const { holders, version } = await nara.stash.set(MEMORY);
  assert.equal(holders.length, 3);
  const { soul, id, name } = nara;
  assert.deepEqual((await nara.stash.get()).data, JSON.parse(JSON.stringify(MEMORY)));
  await nara.sleep();

  const again = await neighbours.wake({ soul });
  assert.deepEqual([again.id, again.name], [id, name]);
  assert.equal((await again.stash.recover()).version, version);
  const [stored] = again.stash.confidants();
  await again.sleep();

  const third = await wake({ soul });
  const events = [];
  third.addEventListener("stash:recovered", ({ detail }) => events.push(detail));
  assert.deepEqual((await third.stash.recover()).data, JSON.parse(JSON.stringify(MEMORY)));
  await until("the event", () => events.length > 0);
  assert.ok(events[0].count >= 1);
  assert.equal((await third.stash.requestFrom(stored.id)).version, version);
  assert.equal(await third.stash.storedStash(stored.id), null);
});

test("every method of a nara is there, and gives a promise", async () => {
  const nara = await wake();
  const local = await neighbours.wake();
  const methods = (object) => Object.getOwnPropertyNames(object).filter((key) => key !== "constructor" && typeof Object.getOwnPropertyDescriptor(object, key).value === "function").sort();
  assert.deepEqual(methods(Nara.prototype), methods(Local.prototype));
  assert.deepEqual(Object.keys(nara.stash), Object.keys(local.stash));
  for (const method of ["targetConfidants", "storageLimit", "storedCount", "hasStashData", "marshalState"]) {
    const given = nara.stash[method]();
    assert.ok(given instanceof Promise, method);
    assert.equal(typeof (await given), typeof local.stash[method](), method);
  }
});

test("errors are NaraErrors with code and details", async () => {
  assert.equal(NaraError, LocalError);
  const nara = await wake();
  await assert.rejects(nara.stash.set("x".repeat(10_240)), (error) => error instanceof NaraError && error.code === "too_large" && /10[,_ ]?240/.test(error.message));
  await assert.rejects(nara.stash.set(1n), { name: "NaraError", code: "not_json" });
  await assert.rejects(nara.stash.storeWith("", {}), { code: "option_invalid" });
  await assert.rejects(nara.stash.recover({ deadline: -1 }), { code: "option_invalid" });
  await assert.rejects(nara.stash.recover({ deadline: () => 5 }), { code: "option_invalid" });
  const lonely = await wake({ plaza: "ws://127.0.0.1:9/mqtt" });
  await assert.rejects(lonely.stash.set({ kept: "here" }, { deadline: 200 }), (error) => {
    assert.deepEqual([error.code, error.wanted, error.found], ["not_enough_peers", 3, 0]);
    return true;
  });
  await assert.rejects(Nara.wake({ plaza: "http://127.0.0.1" }), { name: "NaraError", code: "plaza_url" });
  await assert.rejects(Nara.wake({ plaza: server.plaza, soul: "no soul" }), { code: "soul_invalid" });
  await assert.rejects(Nara.wake({ plaza: server.plaza, services: [] }), { code: "option_invalid", message: /^services: / });
});

test("a memory that has an option's name is a memory", async () => {
  const nara = await wake({ plaza: "ws://127.0.0.1:9/mqtt" });
  await nara.stash.setStashData({ signal: true });
  assert.deepEqual((await nara.stash.get()).data, { signal: true });
});

test("an operation refuses what it cannot be told, as without a worker", async () => {
  const nara = await wake({ plaza: "ws://127.0.0.1:9/mqtt" });
  await assert.rejects(nara.stash.set("x", { deadlin: 5 }), { code: "option_invalid", message: "deadlin: no such option" });
  await assert.rejects(nara.stash.set("x", { signal: {} }), { code: "option_invalid", message: /^signal: / });
  assert.equal(await nara.stash.get(), null);
  await assert.rejects(nara.sleep({ handoff: true }), { code: "option_invalid", message: "handoff: no such option" });
  await nara.stash.setStashData("awake");
});

test("an aborted call rejects, before and while it waits", async () => {
  const nara = await wake({ plaza: "ws://127.0.0.1:9/mqtt" });
  await assert.rejects(nara.stash.recover({ signal: AbortSignal.abort() }), { code: "aborted" });
  const abort = new AbortController();
  const saving = nara.stash.set({ kept: "here" }, { signal: abort.signal, deadline: 60_000 });
  setTimeout(() => abort.abort(), 100);
  await assert.rejects(saving, { name: "NaraError", code: "aborted" });
});

test("credentials and storage are called on this side, and their failures come back", async () => {
  const storage = new Map();
  let asked = 0;
  const nara = await wake({ storage, credentials: async () => ((asked += 1), { user: "me" }) });
  await until("the plaza", async () => (await nara.status()).connection.state === "online");
  assert.ok(asked >= 1);
  assert.deepEqual([...storage.values()], [nara.soul]);
  const failing = { get: () => { throw new RangeError("no room"); }, set() {} };
  await assert.rejects(wake({ storage: failing }), (error) => error.code === "storage_failed" && error.cause.message === "no room");
});

test("events come, traffic only to those who listen", async () => {
  const nara = await wake();
  const seen = [];
  const listen = ({ detail }) => seen.push(detail);
  nara.addEventListener("traffic", listen);
  await neighbours.wake();
  await until("traffic", () => seen.length > 0);
  assert.equal(typeof seen[0].kind, "string");
  nara.removeEventListener("traffic", listen);
  const logged = new Promise((resolve) => nara.addEventListener("log", ({ detail }) => resolve(detail), { once: true }));
  await neighbours.wake();
  assert.equal(typeof (await logged).text, "string");
});

test("asleep, it says so, its calls end, and its thread is gone", async () => {
  const thread = new Worker(SIDE);
  const ended = new Promise((resolve) => thread.once("exit", resolve));
  const nara = await Nara.wake({ plaza: "ws://127.0.0.1:9/mqtt", worker: thread });
  let slept = 0;
  nara.addEventListener("asleep", () => (slept += 1));
  const waiting = assert.rejects(nara.stash.set({ kept: "here" }, { deadline: 60_000 }), { code: "asleep" });
  await Promise.all([nara.sleep(), nara.sleep(), nara[Symbol.asyncDispose ?? Symbol.for("Symbol.asyncDispose")]()]);
  await waiting;
  assert.equal(slept, 1);
  await assert.rejects(nara.status(), { name: "NaraError", code: "asleep" });
  await ended;
});

test("a worker that cannot start, or ends, leaves nobody waiting", async () => {
  const broken = new Worker("throw new Error('nothing works here')", { eval: true });
  await assert.rejects(Nara.wake({ plaza: server.plaza, worker: broken }), { name: "NaraError", code: "core_not_loaded", message: /nothing works here/ });
  const own = new Worker(SIDE);
  const nara = await Nara.wake({ plaza: "ws://127.0.0.1:9/mqtt", worker: own });
  const waiting = assert.rejects(nara.stash.set({ kept: "here" }, { deadline: 60_000 }), { code: "asleep" });
  await own.terminate();
  await waiting;
});

test("the core may come from elsewhere, as a module that is compiled once", async () => {
  const module = await WebAssembly.compile(await readFile(new URL("../../www/nara/pkg/light_nara_bg.wasm", import.meta.url)));
  const { init } = await import("light-nara/worker");
  await init(module);
  await (await Nara.wake({ plaza: "ws://127.0.0.1:9/mqtt" })).sleep();
});
