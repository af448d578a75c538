// A gateway that changes, repeats or invents messages is found out: it can drop them, and nothing else.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, afterEach, before, test } from "node:test";
import { openMeddler, messageOf } from "../support/meddler.js";
import { openMesh } from "../support/mesh.js";
import { until } from "../support/until.js";

const SLOW = { timeout: 40_000 };
let mesh, meddler, gopher;
before(async () => {
  mesh = await openMesh({ gophers: 1 });
  meddler = await openMeddler(mesh.gateway);
  [gopher] = mesh.gophers;
}, SLOW);
afterEach(async () => {
  await mesh.sleep();
  meddler.change = (frame) => [frame];
  meddler.seen.length = 0;
  Object.assign(gopher, { acks: [], responses: [] });
  gopher.held.clear();
}, SLOW);
after(async () => {
  await meddler.close();
  await mesh.close();
}, SLOW);

/** A nara that is known and knows its peer, through the untrusted gateway. */
async function wake() {
  const nara = await mesh.wake({ gateway: meddler.url, stash: { target: 1, spares: 0 } });
  await mesh.untilReached(nara);
  await until("it is known", () => gopher.peers.get(nara.name)?.mesh);
  return nara;
}

const sealed = () => ({ nonce: randomBytes(24).toString("base64"), ciphertext: randomBytes(400).toString("base64") });
const spoil = (ciphertext) => (ciphertext[0] === "A" ? "B" : "A") + ciphertext.slice(1);
const isStore = (frame) => messageOf(frame)?.kind === "stash:store";

test("what it changes on the way to a nara is dropped, and what it lets through is kept", SLOW, async () => {
  const nara = await wake();
  for (const change of [
    (message) => (message.payload.ciphertext = spoil(message.payload.ciphertext)),
    (message) => (message.payload.ts += 1),
    (message) => (message.timestamp = new Date(Date.now() + 1_000).toISOString()),
    (message) => (message.kind = "stash:request"),
  ]) {
    meddler.change = (frame) => {
      if (!isStore(frame)) return [frame];
      const message = messageOf(frame);
      change(message);
      return [{ head: frame.head, body: JSON.stringify(message) }];
    };
    const before = nara.status().drops.bad_signature ?? 0;
    await gopher.store(nara.name, sealed());
    assert.equal(nara.status().drops.bad_signature, before + 1, `${change}: ${JSON.stringify(nara.status().drops)}`);
  }
  assert.equal(nara.status().held.count, 0);
  assert.deepEqual(gopher.acks, []);
  meddler.change = (frame) => [frame];
  await gopher.store(nara.name, sealed());
  assert.equal(nara.status().held.count, 1);
});

test("what it changes on the way from a nara is not counted as kept", SLOW, async () => {
  const nara = await wake();
  meddler.change = (frame) => {
    if (frame.way === "in" || !isStore(frame)) return [frame];
    const message = messageOf(frame);
    message.payload.ciphertext = spoil(message.payload.ciphertext);
    return [{ head: frame.head, body: JSON.stringify(message) }];
  };
  await assert.rejects(nara.stash.set({ a: 1 }, { deadline: 2_000 }), { code: "not_enough_peers" });
  await until("it to be sent", () => meddler.seen.some((frame) => frame.way === "out" && isStore(frame)));
  assert.equal(gopher.held.size, 0);
  assert.deepEqual(holders(nara), []);
});

test("what it changes in an ack makes it none", SLOW, async () => {
  const nara = await wake();
  meddler.change = (frame) => {
    const message = frame.way === "in" ? messageOf(frame) : null;
    if (message?.kind !== "stash:ack") return [frame];
    message.payload.stored_at += 1;
    return [{ head: frame.head, body: JSON.stringify(message) }];
  };
  await assert.rejects(nara.stash.set({ a: 1 }, { deadline: 2_000 }), { code: "not_enough_peers" });
  await until("the ack to be dropped", () => nara.status().drops.bad_signature > 0);
  assert.deepEqual(holders(nara), []);
});

test("what it repeats is done once, and costs nothing more", SLOW, async () => {
  const nara = await wake();
  meddler.change = (frame) => (isStore(frame) ? [frame, frame, frame, frame, frame, frame] : [frame]);
  await gopher.store(nara.name, sealed());
  await until("the repeats to be dropped", () => nara.status().drops.duplicate_id > 0);
  assert.equal(nara.status().held.count, 1);
  const acks = meddler.seen.filter((frame) => frame.way === "out" && messageOf(frame)?.kind === "stash:ack").map(messageOf);
  assert.ok(acks.length >= 1 && acks.length <= 3, "the remembered answer goes out three times at most");
  assert.equal(new Set(acks.map(({ id }) => id)).size, 1);
});

test("an ack that it kept does not pass for another store", SLOW, async () => {
  const nara = await wake();
  await nara.stash.set({ a: 1 }, { deadline: 15_000 });
  const kept = meddler.seen.find((frame) => frame.way === "in" && messageOf(frame)?.kind === "stash:ack");
  meddler.change = (frame) => {
    if (frame.way === "in" || !isStore(frame)) return [frame];
    // Not delivered; instead the nara hears the old ack as if it were for this.
    const body = JSON.stringify({ ...messageOf(kept), in_reply_to: messageOf(frame).id });
    meddler.invent({ head: kept.head, body });
    return [];
  };
  await assert.rejects(nara.stash.set({ a: 2 }, { deadline: 2_000 }), { code: "not_enough_peers" });
  assert.deepEqual(holders(nara), []);
});

test("an answer that it makes up proves nothing, so no memory goes there", SLOW, async () => {
  const nara = await wake();
  meddler.change = (frame) => {
    if (frame.way === "in" || frame.head.t !== "request") return [frame];
    for (const auth of [{}, { name: gopher.name, at: String(Date.now()), sig: randomBytes(64).toString("base64") }]) {
      meddler.invent({ head: { t: "answer", n: frame.head.n, status: 200, ...auth } });
    }
    return [];
  };
  await assert.rejects(nara.stash.set({ a: 1 }, { deadline: 2_000 }), { code: "not_enough_peers" });
  const asked = meddler.seen.filter((frame) => frame.way === "out" && frame.head.t === "request");
  assert.ok(asked.length > 0);
  assert.ok(!asked.some(isStore), "10 kB go nowhere before a signed exchange");
});

test("a request that it makes up is answered with 401, whoever it is said to be from", SLOW, async () => {
  const nara = await wake();
  const answers = () => meddler.seen.filter((frame) => frame.way === "out" && frame.head.t === "answer").map(({ head }) => head.status);
  const body = JSON.stringify({ id: "x", kind: "stash:request", version: 1, from_id: gopher.id, payload: {} });
  const sig = randomBytes(64).toString("base64");
  for (const auth of [{}, { name: gopher.name, at: String(Date.now()), sig }, { name: "nobody", at: String(Date.now()), sig }]) {
    const before = answers().length;
    meddler.invent({ head: { t: "request", n: 9, method: "POST", path: "/mesh/message", ...auth }, body });
    await until("its answer", () => answers().length > before);
    assert.equal(answers().at(-1), 401);
  }
  // One that was heard before is of no use for another path, nor half a minute later.
  meddler.seen.length = 0;
  await gopher.store(nara.name, sealed());
  const { head } = meddler.seen.find((frame) => frame.way === "in" && isStore(frame));
  meddler.invent({ head: { ...head, path: "/stash/retrieve" } });
  meddler.invent({ head: { ...head, at: String(Number(head.at) - 40_000) } });
  await until("the answers", () => answers().length === 3);
  assert.deepEqual(answers().slice(1), [401, 401]);
});

test("noise instead of frames costs the link and nothing else", SLOW, async () => {
  const nara = await wake();
  meddler.change = (frame) => [{ head: frame.head, body: Buffer.alloc(70_000) }];
  void gopher.store(nara.name, sealed()).catch(() => {});
  await until("the link to be given up", () => nara.status().mesh.state !== "attached");
  meddler.change = (frame) => [frame];
  await until("the link to be there again", () => nara.status().mesh.state === "attached");
  assert.equal(nara.status().connection.state, "online");
});

function holders(nara) {
  return nara.status().confidants.filter(({ state }) => state === "acked");
}
