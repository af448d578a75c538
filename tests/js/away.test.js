// Confidants and devices that come and go, over each plaza: hand-off, wills, and one soul on two devices.
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { Neighbourhood, untilPeers } from "../support/naras.js";
import { plazas } from "../support/plazas.js";
import { startResident } from "../support/resident.js";
import { until } from "../support/until.js";

const PATIENT = { timeout: 60_000 };
const NO_SPARES = { stash: { spares: 0 } };
/** What a host that stops may take to hand off. */
const HAND_OFF_MS_MAX = 5_000;

for (const kind of plazas) {
  describe(kind.name, () => {
    let plaza;
    let neighbours;
    before(async () => {
      plaza = await kind.open();
      neighbours = new Neighbourhood(plaza.url);
    });
    afterEach(() => neighbours.sleep());
    after(() => plaza?.stop());

    const holdersOf = (owner, peers) => peers.filter((peer) => peer.stash.hasStashFor(owner.id));
    const isOnline = (nara, id) => nara.status().peers.some((peer) => peer.id === id && peer.presence === "online");

    test("a holder that goes to sleep hands over, and three hold it while the owner is away", PATIENT, async () => {
      // No more than hold it, or a late ack would make a fourth copy.
      const peers = await neighbours.wakeMany(3);
      const owner = await neighbours.wake(NO_SPARES);
      await untilPeers(owner, 3);
      await owner.stash.set({ kept: "while I was away" });
      const goes = holdersOf(owner, peers)[0];
      await owner.sleep();
      await until("the owner's chau to be heard", () => !peers.some((peer) => isOnline(peer, owner.id)));
      peers.push(await neighbours.wake());
      await untilPeers(goes, 3);
      const stay = peers.filter((peer) => peer !== goes);
      assert.equal(holdersOf(owner, stay).length, 2);
      const since = Date.now();
      await goes.sleep({ handOff: true });
      assert.ok(Date.now() - since < HAND_OFF_MS_MAX + 1_000, `it took ${Date.now() - since} ms`);
      assert.equal(holdersOf(owner, stay).length, 3);

      const again = await neighbours.wake({ soul: owner.soul, ...NO_SPARES });
      const { data, count } = await again.stash.recover();
      assert.deepEqual(data, { kept: "while I was away" });
      assert.ok(count >= 1);
    });

    test("who is killed is noticed by its will, and is away for everybody within seconds", PATIENT, async (t) => {
      const nara = await neighbours.wake({ keepAlive: 30 });
      const resident = await startResident(plaza.url);
      t.after(() => resident.kill());
      await until("the resident to be seen", () => isOnline(nara, resident.id));
      await resident.kill();
      const since = Date.now();
      await until("its loss to be noticed", () => !isOnline(nara, resident.id));
      assert.ok(Date.now() - since < 10_000, `it took ${Date.now() - since} ms`);
    });

    test("of two devices with one soul the one that is told goes on, and nothing is merged", PATIENT, async () => {
      await neighbours.wakeMany(3);
      const one = await neighbours.wake(NO_SPARES);
      await untilPeers(one, 3);
      await one.stash.set("of the first device");
      const two = await neighbours.wake({ soul: one.soul, ...NO_SPARES });
      await until("both to notice", () => one.status().elsewhere && two.status().elsewhere);
      await assert.rejects(one.stash.set("blind"), { name: "NaraError", code: "elsewhere" });
      assert.throws(() => two.stash.setStashData("blind"), { name: "NaraError", code: "elsewhere" });

      assert.equal((await two.stash.recover()).data, "of the first device");
      two.stash.goOnHere();
      const { version } = await two.stash.set("of the second device");
      assert.equal(version, 2);
      await assert.rejects(one.stash.set("still blind"), { code: "elsewhere" });
      assert.equal(one.stash.get().data, "of the first device");
    });
  });
}
