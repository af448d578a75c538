// What a nara in Node promises its caller, on every kind of plaza.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import mqtt from "mqtt";
import { Nara, NaraError } from "light-nara";
import { Neighbourhood, untilConnection, untilPeers } from "../support/naras.js";
import { plazas } from "../support/plazas.js";
import { until } from "../support/until.js";

const MEMORY = { tea: "oolong", cups: 3, "smaller < larger & more": ["日本", "\u2028", 1e21, -0.5, null, true] };

for (const { name, open } of plazas) {
  describe(`on ${name}`, { timeout: 240_000 }, () => {
    let plaza;
    let neighbours;
    let confidants;
    before(async () => {
      plaza = await open();
      neighbours = new Neighbourhood(plaza.url);
      confidants = await neighbours.wakeMany(4);
    });
    after(async () => {
      await neighbours?.sleep();
      await plaza?.stop();
    });

    /** A new nara that knows its neighbours. */
    async function settled(options) {
      const nara = await neighbours.wake(options);
      await untilPeers(nara, 3);
      return nara;
    }

    test("a nara is born with an id, a generated name and a soul", async () => {
      const nara = await neighbours.wake();
      assert.match(nara.name, /^[a-z]+-[a-z]+-\d{3}$/);
      assert.match(nara.soul, /^[1-9A-HJ-NP-Za-km-z]{50,56}$/);
      assert.match(nara.id, /^[1-9A-HJ-NP-Za-km-z]{40,46}$/);
      await nara.sleep();
    });

    test("three peers hold what is set", async () => {
      const nara = await settled();
      const receipt = await nara.stash.set(MEMORY);
      assert.equal(receipt.target, 3);
      assert.ok(receipt.version >= 1);
      assert.equal(new Set(receipt.holders.map(({ id }) => id)).size, 3);
      assert.ok(receipt.holders.every(({ id }) => id !== nara.id));
      assert.deepEqual(nara.stash.get().data, MEMORY);
      assert.ok(nara.status().stash.safe);
      await until("a peer to list it among what it holds", () => {
        return confidants.some((peer) => peer.status().held.stashes.some(({ id }) => id === nara.id));
      });
      await nara.sleep();
    });

    test("soul and name bring the memory back in another instance", async () => {
      const first = await settled();
      const { soul, name: own, id } = first;
      const receipt = await first.stash.set(MEMORY);
      await first.sleep();

      const second = await neighbours.wake({ soul, name: own });
      assert.equal(second.id, id);
      const events = [];
      second.addEventListener("stash:recovered", ({ detail }) => events.push(detail));
      const memory = await second.stash.recover();
      assert.deepEqual(memory.data, MEMORY);
      assert.equal(memory.version, receipt.version);
      assert.ok(Math.abs(memory.savedAt - Date.now()) < 120_000);
      // Whoever holds a spare copy may be the first to answer.
      assert.ok(confidants.some(({ id, name }) => id === memory.from.id && name === memory.from.name));
      await until("the event stash:recovered", () => events.length > 0);
      assert.ok(events.at(-1).count >= 1);
      // What is stored later makes nothing older of what was found.
      await second.stash.set({ later: true });
      const { state, answers } = second.status().recovery;
      assert.equal(state, "recovered");
      assert.ok(answers.some(({ result }) => result === "chosen"));
      assert.deepEqual(answers.filter(({ result }) => result === "older"), []);
      await second.sleep();
    });

    test("a soul with a generated name needs no name", async () => {
      const first = await settled();
      await first.stash.set({ kept: true });
      await first.sleep();
      const second = await neighbours.wake({ soul: first.soul });
      assert.equal(second.name, first.name);
      assert.deepEqual((await second.stash.recover()).data, { kept: true });
      await second.sleep();
    });

    test("the newest memory is the one that comes back", async () => {
      const first = await settled();
      await first.stash.set({ draft: 1 });
      const { version } = await first.stash.set({ draft: 2 });
      await first.sleep();
      const second = await neighbours.wake({ soul: first.soul, name: first.name });
      const memory = await second.stash.recover();
      assert.deepEqual(memory.data, { draft: 2 });
      assert.equal(memory.version, version);
      await second.sleep();
    });

    test("what is saved after coming back is newer than before", async () => {
      const first = await settled();
      const { version } = await first.stash.set({ life: 1 });
      await first.sleep();
      const second = await settled({ soul: first.soul, name: first.name });
      await second.stash.recover();
      const receipt = await second.stash.set({ life: 2 });
      assert.ok(receipt.version > version);
      await second.sleep();
      const third = await neighbours.wake({ soul: first.soul, name: first.name });
      assert.deepEqual((await third.stash.recover()).data, { life: 2 });
      await third.sleep();
    });

    test("going to sleep says chau, which anyone can hear", async (t) => {
      const listener = await mqtt.connectAsync(plaza.url, { reconnectPeriod: 0 });
      t.after(() => listener.endAsync(true));
      const chaus = [];
      listener.on("message", (topic, payload) => chaus.push(JSON.parse(payload)));
      await listener.subscribeAsync("nara/plaza/chau");
      const nara = await settled();
      await nara.sleep();
      const heard = await until("the chau", () => chaus.find(({ emitter }) => emitter === nara.name));
      assert.equal(heard.svc, "chau");
      assert.equal(heard.chau.ID ?? heard.chau.id, nara.id);
      assert.ok(heard.sig.length > 80);
      await until("a peer to take it as offline", () => {
        return confidants[0].status().peers.find(({ id }) => id === nara.id)?.presence === "offline";
      });
    });

    test("a memory over 10 KiB is refused, and the one before it stays", async () => {
      const nara = await settled();
      await nara.stash.set({ kept: true });
      await assert.rejects(nara.stash.set("x".repeat(10_239)), (error) => {
        assert.ok(error instanceof NaraError);
        assert.equal(error.code, "too_large");
        assert.match(error.message, /10[,_ ]?240/);
        return true;
      });
      assert.deepEqual(nara.stash.get().data, { kept: true });
      await nara.sleep();
    });

    test("a memory of exactly 10,240 bytes is kept", async () => {
      const nara = await settled();
      const { holders } = await nara.stash.set("x".repeat(10_238));
      assert.equal(holders.length, 3);
      await nara.sleep();
    });

    for (const [what, value] of [
      ["undefined", undefined],
      ["a function", () => {}],
      ["a BigInt", 10n],
      ["a circle", (() => { const circle = {}; circle.self = circle; return circle; })()],
    ]) {
      test(`${what} is no JSON, and is refused`, async () => {
        const nara = await neighbours.wake();
        await assert.rejects(nara.stash.set(value), { name: "NaraError", code: "not_json" });
        assert.equal(nara.stash.get(), null);
        await nara.sleep();
      });
    }

    test("what JSON would drop without a word is refused by its name", async () => {
      const nara = await neighbours.wake();
      const refused = [[{ f() {} }, '"f" is a function'], [{ a: [{ m: new Map() }] }, '"m" is a Map'], [new Uint8Array(2), "it is binary data, which JSON has no form for"], [{ b: new ArrayBuffer(2) }, '"b" is binary data, which JSON has no form for'], [[1, NaN], '"1" is NaN'], [undefined, "it is undefined; null stands for nothing"]];
      for (const [value, why] of refused) {
        await assert.rejects(nara.stash.set(value), { code: "not_json", message: `the memory cannot be written as JSON: ${why}` });
      }
      assert.equal(nara.stash.get(), null);
      await nara.sleep();
    });
  });
}

test("nobody to hold it: the search ends at its deadline, and goes on behind it", { timeout: 60_000 }, async (t) => {
  const [{ open }] = plazas;
  const plaza = await open();
  const neighbours = new Neighbourhood(plaza.url);
  t.after(async () => {
    await neighbours.sleep();
    await plaza.stop();
  });
  const lonely = await neighbours.wake();
  await lonely.sleep();
  const again = await neighbours.wake({ soul: lonely.soul, name: lonely.name });
  await untilConnection(again, "online");
  await assert.rejects(again.stash.recover({ deadline: 1_500 }), { name: "NaraError", code: "not_found" });
  assert.equal(again.status().connection.state, "online");
});

test("where the plaza is not reached, errors say so, and why", { timeout: 60_000 }, async () => {
  const nara = await Nara.wake({ plaza: "ws://127.0.0.1:9/mqtt" });
  const isSaid = (code) => (error) => error.code === code && /; the plaza is not reached \(the connection broke or could not be made\)$/.test(error.message);
  await until("the first attempt to fail", () => nara.status().connection.why !== null);
  await assert.rejects(nara.stash.set({ tea: "oolong" }, { deadline: 200 }), (error) => isSaid("not_enough_peers")(error) && error.wanted === 3);
  await nara.sleep();
  const again = await Nara.wake({ plaza: "ws://127.0.0.1:9/mqtt", soul: nara.soul });
  await until("the first attempt to fail", () => again.status().connection.why !== null);
  await assert.rejects(again.stash.recover({ deadline: 200 }), isSaid("not_found"));
  await again.sleep();
});

test("waking on nothing says what is missing", async () => {
  await assert.rejects(Nara.wake(), { name: "NaraError", code: "plaza_url", message: /^plaza: it is missing/ });
  for (const options of [null, "ws://127.0.0.1:8080/mqtt"]) {
    await assert.rejects(Nara.wake(options), { name: "NaraError", code: "option_invalid", message: /^options: / });
  }
});

test("the class is one and the same for everyone who imports it", async () => {
  assert.equal((await import("light-nara")).Nara, Nara);
});
