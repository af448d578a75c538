// What the package seals and signs, libsodium opens and verifies, and the other
// way round; over a real plaza and a confidant that is the package's own.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Nara } from "light-nara";
import mqtt from "mqtt";
import { startServer } from "../../host/server.js";
import { Neighbourhood, untilPeers } from "../support/naras.js";
import { Twin, isSigned, newSoul } from "../support/twin.js";
import { until } from "../support/until.js";

const PATIENT = { timeout: 60_000 };
const DIRECT = "nara/mesh/";
const MEMORIES = [null, true, 0, "", "tea", [], {}, { "<tea>": "oolong" }, { text: "häß<>&\u2028 😀".repeat(200) }];

let plaza;
let neighbours;
let confidant;
before(async () => {
  plaza = await startServer({ port: 0, listen: "127.0.0.1" });
  neighbours = new Neighbourhood(plaza.plaza);
  confidant = await neighbours.wake({ memory: "hog" });
});
after(async () => {
  await neighbours?.sleep();
  await plaza?.close();
});

test("libsodium derives the same id and key from a soul", PATIENT, async () => {
  for (const name of ["alice", "Zoë", "with space and <&>"]) {
    const soul = await newSoul(name);
    const twin = await Twin.of(soul, name);
    const nara = await neighbours.wake({ soul, name });
    assert.equal(nara.id, twin.id);
    await until("the confidant to meet it", () => confidant.status().peers.some(({ id, key }) => id === twin.id && key === twin.key));
    await nara.sleep();
  }
});

for (const padding of ["full", "buckets", "none"]) {
  test(`libsodium opens what the package sealed, with padding ${padding}`, PATIENT, async () => {
    const nara = await neighbours.wake({ stash: { target: 1, spares: 0, padding } });
    await untilPeers(nara, 1);
    const twin = await Twin.of(nara.soul, nara.name);
    let version = 0;
    for (const memory of MEMORIES) {
      await nara.stash.set(memory);
      version += 1;
      const opened = twin.open(confidant.stash.storedStash(nara.id));
      assert.deepEqual(opened.data, memory);
      assert.deepEqual([opened.version, opened.revision], [1, version]);
      assert.ok(Math.abs(opened.timestamp - Date.now() / 1_000) < 10);
    }
    const other = await Twin.of(await newSoul(nara.name), nara.name);
    assert.throws(() => other.open(confidant.stash.storedStash(nara.id)));
    await nara.sleep();
  });
}

test("the package opens what libsodium sealed and signed, and libsodium verifies its ack", PATIENT, async () => {
  await Promise.all(MEMORIES.map(storedByTwin));
});

/** Stores a memory as libsodium seals and signs it, and recovers it by the package. */
async function storedByTwin(memory) {
  const name = "twin";
  const soul = await newSoul(name);
  const twin = await Twin.of(soul, name);
  const client = await mqtt.connectAsync(plaza.plaza, { reconnectPeriod: 0, username: twin.id });
  const answered = new Promise((resolve) => client.once("message", (_, bytes) => resolve(bytes.toString("utf8"))));
  await client.subscribeAsync(DIRECT + twin.id);
  const seconds = Math.floor(Date.now() / 1_000);
  const store = twin.store(confidant.id, twin.sealMemory(memory, seconds), seconds);
  await client.publishAsync(DIRECT + confidant.id, store);
  const ack = await answered;
  const { kind, payload, from_key } = JSON.parse(ack);
  assert.equal(kind, "stash:ack");
  assert.deepEqual([payload.success, payload.reason], [true, JSON.parse(store).id]);
  assert.ok(isSigned(ack, from_key));
  await client.endAsync();

  const nara = await Nara.wake({ plaza: plaza.plaza, soul, name });
  const recovered = await nara.stash.recover({ deadline: 20_000 });
  assert.deepEqual(recovered.data, memory);
  await nara.sleep();
  assert.ok(confidant.stash.hasStashFor(twin.id));
}
