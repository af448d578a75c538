// The whole of nara.stash, in Node, over a real plaza.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { NaraError } from "light-nara";
import { startServer } from "../../host/server.js";
import { Neighbourhood, untilPeers } from "../support/naras.js";
import { until } from "../support/until.js";

const PATIENT = { timeout: 60_000 };
const QUICK = { deadline: 3_000 };

let plaza;
let neighbours;
let peers;
before(async () => {
  plaza = await startServer({ port: 0, listen: "127.0.0.1" });
  neighbours = new Neighbourhood(plaza.plaza);
  peers = await neighbours.wakeMany(5);
});
after(async () => {
  await neighbours?.sleep();
  await plaza?.close();
});

async function settled(options) {
  const nara = await neighbours.wake(options);
  await untilPeers(nara, 5);
  return nara;
}

/** Five copies, three of them promised and two to spare. */
function untilAllHold(nara) {
  return until("five confidants", () => nara.stash.confidants().length === 5);
}

const ids = (names) => names.map(({ id }) => id).sort();
const held = (nara) => peers.filter((peer) => peer.stash.hasStashFor(nara.id));

test("what is set without waiting has its version at once, and its copies soon", PATIENT, async () => {
  const nara = await settled();
  assert.equal(nara.stash.hasStashData(), false);
  assert.equal(nara.stash.stashData(), null);
  assert.equal(nara.stash.setStashData({ quick: 1 }), 1);
  assert.equal(nara.stash.setStashData({ quick: 2 }), 2);
  const { data, version, savedAt } = nara.stash.stashData();
  assert.deepEqual([data, version], [{ quick: 2 }, 2]);
  assert.ok(Math.abs(savedAt - Date.now()) < 10_000);
  assert.equal(nara.stash.targetConfidants(), 3);
  await untilAllHold(nara);
  const { stash, confidants } = nara.status();
  assert.deepEqual([stash.safe, stash.spares, stash.gate], [true, 2, "open"]);
  assert.equal(confidants.filter(({ spare }) => spare).length, 2);
  assert.ok(confidants.every(({ firstSeen, state }) => firstSeen > 0 && state === "acked"));
  await nara.sleep();
});

test("one peer can be chosen to hold it, asked for it, and asked to forget it", PATIENT, async () => {
  const nara = await settled({ stash: { target: 1, spares: 0 } });
  await nara.stash.set({ mine: true });
  const other = peers.find(({ id }) => !ids(nara.stash.confidants()).includes(id));
  const receipt = await nara.stash.storeWith(other.id);
  assert.ok(ids(receipt.holders).includes(other.id));
  assert.deepEqual((await nara.stash.requestFrom(other.id)).data, { mine: true });
  assert.ok(nara.status().confidants.find(({ id }) => id === other.id).verifiedAt > 0);

  const { forgotten, mayStillHold } = await nara.stash.deleteFrom(other.id);
  assert.deepEqual([ids(forgotten), mayStillHold], [[other.id], []]);
  assert.equal(other.stash.hasStashFor(nara.id), false);
  await assert.rejects(nara.stash.requestFrom(other.id), { code: "not_found" });
  await assert.rejects(nara.stash.storeWith("nobody"), { code: "not_found", message: /nobody/ });
  await assert.rejects(nara.stash.storeWith(7), { code: "option_invalid", message: /^id: / });
  await nara.sleep();
});

test("a holder gives back what it held before, on demand", PATIENT, async () => {
  const nara = await settled({ stash: { target: 1, spares: 0 } });
  await nara.stash.set("before");
  const [holder] = nara.stash.confidants();
  await assert.rejects(nara.stash.requestFrom(holder.id, { generation: "previous" }), { code: "not_found" });
  await nara.stash.set("a mistake");
  const { data, version } = await nara.stash.requestFrom(holder.id, { generation: "previous" });
  assert.deepEqual([data, version], ["before", 1]);
  assert.equal((await nara.stash.requestFrom(holder.id, { generation: "earlier" })).data, "before");
  assert.equal((await nara.stash.requestFrom(holder.id)).data, "a mistake");
  await assert.rejects(nara.stash.requestFrom(holder.id, { generation: "first" }), { code: "option_invalid", message: /generation/ });
  assert.equal(nara.stash.get().data, "a mistake");
  await nara.sleep();
});

test("named confidants hold it, and choosing by itself takes over again", PATIENT, async () => {
  const nara = await settled({ stash: { spares: 0 } });
  await assert.rejects(nara.stash.distributeToConfidants(), { code: "not_found" });
  assert.equal((await nara.stash.selectConfidantsAutomatically()).length, 3);
  nara.stash.setStashData("named");
  const named = peers.slice(0, 2).map(({ id }) => id);
  const receipt = await nara.stash.setConfidants(named);
  assert.ok(receipt.holders.length >= 3);
  await until("the named to hold it", () => named.every((id) => ids(nara.stash.confidants()).includes(id)));
  assert.ok((await nara.stash.distributeToConfidants()).holders.length >= 3);
  assert.ok((await nara.stash.selectConfidantsAutomatically()).length >= 3);
  await assert.rejects(nara.stash.setConfidants(Array(8).fill(named[0])), { code: "option_invalid", message: /at most 7/ });
  await nara.sleep();
});

test("too few peers are reported with both figures", PATIENT, async () => {
  const nara = await settled({ stash: { target: 7 } });
  await assert.rejects(nara.stash.selectConfidantsAutomatically(QUICK), (error) => {
    assert.ok(error instanceof NaraError);
    assert.deepEqual([error.code, error.wanted], ["not_enough_peers", 7]);
    assert.ok(error.found >= 5 && error.found < 7, `found ${error.found}`);
    return true;
  });
  await nara.sleep();
});

test("a confidant shows what it holds, and nobody reads it", PATIENT, async () => {
  const nara = await settled();
  await nara.stash.set("a canary");
  await untilAllHold(nara);
  const holder = held(nara)[0];
  const { ownerId, nonce, ciphertext, storedAt } = holder.stash.storedStash(nara.id);
  assert.equal(ownerId, nara.id);
  assert.deepEqual([nonce.length, ciphertext.length], [24, 10_240]);
  assert.ok(nonce instanceof Uint8Array && Math.abs(storedAt - Date.now()) < 10_000);
  assert.equal(holder.stash.storedStash("nobody"), null);
  assert.ok(holder.stash.storedCount() >= 1);
  assert.equal(holder.stash.storageLimit(), 20);
  const state = JSON.parse(holder.stash.marshalState());
  const stored = state.held.find(({ owner_id }) => owner_id === nara.id);
  assert.equal(stored.ciphertext, Buffer.from(ciphertext).toString("base64"));
  assert.doesNotMatch(holder.stash.marshalState() + nara.stash.marshalState(), /canary/);

  nara.stash.clearMyStash();
  assert.equal(nara.stash.get(), null);
  assert.equal(holder.stash.pushTo(nara.id), true);
  assert.equal(holder.stash.pushTo("nobody"), false);
  assert.equal((await nara.stash.recoverFromAny()).data, "a canary");
  await nara.sleep();
});

test("smaller seals are a choice, and come back all the same", PATIENT, async () => {
  for (const [padding, sizes] of [["buckets", [1_024, 1_024]], ["none", [80, 800]]]) {
    const nara = await settled({ stash: { padding } });
    await nara.stash.set({ padding });
    const { sealedBytes } = nara.status().stash;
    assert.ok(sealedBytes >= sizes[0] && sealedBytes <= sizes[1], `${padding}: ${sealedBytes} bytes`);
    const { ciphertext } = held(nara)[0].stash.storedStash(nara.id);
    assert.equal(ciphertext.length, sealedBytes);
    await nara.sleep();
    const again = await neighbours.wake({ soul: nara.soul, stash: { padding } });
    assert.deepEqual((await again.stash.recover()).data, { padding });
    await again.sleep();
  }
});

test("a wish to be forgotten reaches everybody who holds it", PATIENT, async () => {
  const nara = await settled();
  await nara.stash.set("forget me");
  await untilAllHold(nara);
  assert.equal(held(nara).length, 5);
  const { forgotten, mayStillHold } = await nara.stash.forgetEverywhere();
  assert.deepEqual([ids(forgotten), mayStillHold], [ids(peers), []]);
  assert.equal(held(nara).length, 0);
  assert.equal(nara.stash.get(), null);
  // And it begins anew, as something newer.
  assert.equal((await nara.stash.set("again")).version, 2);
  await nara.sleep();
});

test("with an old soul nothing is set before the search has ended and the user has chosen", PATIENT, async () => {
  const born = await neighbours.wake();
  const { soul } = born;
  await born.sleep();
  const nara = await neighbours.wake({ soul });
  const gates = [];
  nara.addEventListener("stash:gate", ({ detail }) => gates.push(detail.gate));
  assert.equal(nara.status().stash.gate, "searching");
  await assert.rejects(nara.stash.set("too early"), { name: "NaraError", code: "recovering" });
  assert.throws(() => nara.stash.setStashData("too early"), { name: "NaraError", code: "recovering" });
  assert.throws(() => nara.stash.startEmpty(), { code: "recovering" });
  await until("the search to end", () => nara.status().stash.gate === "undecided");
  await assert.rejects(nara.stash.set("still too early"), { code: "recovering" });
  assert.equal(nara.stash.get(), null);
  nara.stash.startEmpty();
  assert.equal((await nara.stash.set("chosen")).version, 1);
  assert.deepEqual(gates, ["undecided", "open"]);
  await nara.sleep();
});

test("options that cannot be are refused with the field and the limit", PATIENT, async () => {
  for (const [stash, words] of [
    [{ target: 8 }, /^stash\.target: .* 1 to 7$/],
    [{ spares: 3 }, /^stash\.spares: .* 0 to 2$/],
    [{ padding: "some" }, /^stash\.padding: .*"full"/],
    [{ copies: 3 }, /^stash\.copies: no such option$/],
  ]) {
    await assert.rejects(neighbours.wake({ stash }), { code: "option_invalid", message: words });
  }
});
