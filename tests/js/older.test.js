// The older HTTP interface of the stash, answered and asked.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, afterEach, before, test } from "node:test";
import { Gopher } from "../support/gopher.js";
import { openMesh } from "../support/mesh.js";
import { until } from "../support/until.js";

const SLOW = { timeout: 40_000 };
const older = new Gopher("older-gopher", { older: true });
let mesh, gopher;
before(async () => {
  mesh = await openMesh({ gophers: 1 });
  [gopher] = mesh.gophers;
  await older.start(mesh.plaza);
}, SLOW);
afterEach(async () => {
  await mesh.sleep();
  older.held.clear();
  older.responses.length = 0;
}, SLOW);
after(async () => {
  await older.stop();
  await mesh.close();
}, SLOW);

const sealed = (bytes = 400) => ({ nonce: randomBytes(24).toString("base64"), ciphertext: randomBytes(bytes).toString("base64") });

/** A nara that both peers know, and that knows them. */
async function wake(options) {
  older.greeted = 0;
  const nara = await mesh.wake({ stash: { target: 1, spares: 0 }, ...options });
  await mesh.untilReached(nara, [older, gopher]);
  await until("it is known", () => older.peers.get(nara.name)?.mesh && gopher.peers.get(nara.name)?.mesh);
  return nara;
}

test("a light nara stores with a nara that knows no messages, gets its copy and has it forgotten", SLOW, async () => {
  const nara = await wake();
  await nara.stash.set({ kept: "the older way" });
  await nara.stash.setConfidants([older.id]);
  await until("its ack", () => nara.status().confidants.some(({ id, state }) => id === older.id && state === "acked"));
  assert.ok(older.held.has(nara.id));
  assert.deepEqual((await nara.stash.requestFrom(older.id)).data, { kept: "the older way" });
  await nara.stash.deleteFrom(older.id);
  assert.equal(older.held.size, 0);
});

test("a light nara that restarts asks such a nara for its memory", SLOW, async (t) => {
  const nara = await wake();
  await nara.stash.set({ kept: "the older way" });
  await nara.stash.setConfidants([older.id]);
  await until("its copy", () => older.held.has(nara.id));
  const { soul, name } = nara;
  await nara.sleep();
  gopher.held.clear();
  older.answers.length = 0;
  older.push = async () => {}; // so that it is asked
  t.after(() => delete older.push);
  const again = await mesh.wake({ soul, name });
  await mesh.untilReached(again, [older]);
  assert.deepEqual((await again.stash.recover({ deadline: 15_000 })).data, { kept: "the older way" });
  assert.ok(older.answers.some(([path, status]) => path === "/stash/retrieve" && status === 200));
});

test("such a nara stores with a light one, gets its copy and has it forgotten", SLOW, async () => {
  const nara = await wake();
  const stash = { owner: older.name, ...sealed() };
  assert.deepEqual(await older.postOlder(nara.name, "/stash/store", { stash }), { accepted: true });
  assert.equal(nara.status().held.count, 1);
  assert.deepEqual(await older.postOlder(nara.name, "/stash/retrieve", {}), { found: true, stash });
  assert.deepEqual(await gopher.postOlder(nara.name, "/stash/retrieve", {}), { found: false }, "nobody gets another's");
  assert.deepEqual(await older.postOlder(nara.name, "/stash/store", undefined, "DELETE"), { deleted: true });
  assert.deepEqual(await older.postOlder(nara.name, "/stash/store", undefined, "DELETE"), { deleted: false });
  assert.equal(nara.status().held.count, 0);
});

test("what is refused is refused with the reason", SLOW, async () => {
  const nara = await wake();
  const ask = (path, body, who = older) => who.postOlder(nara.name, path, body);
  const store = (stash, who) => ask("/stash/store", { stash }, who);
  assert.deepEqual(await store({ owner: gopher.name, ...sealed() }), { accepted: false, reason: "not_the_owner" });
  assert.deepEqual(await store({ owner: older.name, ...sealed(10_241) }), { accepted: false, reason: "stash_too_large" });
  assert.deepEqual(await store({ owner: older.name, ...sealed(), nonce: "AAAA" }), { accepted: false, reason: "bad_nonce" });
  assert.equal(await ask("/stash/store", "{"), 400);
  assert.equal(await ask("/stash/push", { to: nara.name, stash: { owner: nara.name, nonce: 5 } }), 400);
  assert.deepEqual(await ask("/stash/push", { to: nara.name, stash: { owner: older.name, ...sealed() } }), { accepted: false, reason: "not_my_stash" });
  assert.deepEqual(await ask("/stash/push", { to: nara.name, stash: { owner: nara.name, ...sealed() } }), { accepted: false, reason: "not_my_stash" });
  const { address } = nara.status().mesh;
  assert.equal((await new Gopher("stranger").post(address, "/stash/store", "{}")).status, 401);
  // Its body is not signed, so it takes the place of nothing that is.
  await gopher.store(nara.name, sealed());
  assert.deepEqual(await store({ owner: gopher.name, ...sealed() }, gopher), { accepted: false, reason: "stale" });
  assert.deepEqual(await gopher.postOlder(nara.name, "/stash/store", undefined, "DELETE"), { deleted: false });
  assert.equal(nara.status().held.count, 1);
});

test("such a nara that restarts gets its stash pushed, and pushes that of a light one", SLOW, async () => {
  const nara = await wake();
  const stash = { owner: older.name, ...sealed() };
  await older.postOlder(nara.name, "/stash/store", { stash });
  older.forget();
  older.greeted = 0;
  older.greet();
  await until("its stash", () => older.responses.some(({ ciphertext }) => ciphertext === stash.ciphertext), 15_000);

  await nara.stash.set({ kept: "and pushed" });
  await nara.stash.setConfidants([older.id]);
  await until("its copy", () => older.held.has(nara.id));
  const { soul, name } = nara;
  await nara.sleep();
  const again = await mesh.wake({ soul, name });
  assert.deepEqual((await again.stash.recover({ deadline: 15_000 })).data, { kept: "and pushed" });
});
