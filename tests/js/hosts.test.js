// Several hosts that are one plaza: on a Redis of theirs, or on one broker outside.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { startCommand } from "../support/command.js";
import { startMosquitto } from "../support/mosquitto.js";
import { Neighbourhood, untilConnection, untilPeers } from "../support/naras.js";
import { startRedis } from "../support/redis.js";
import { until } from "../support/until.js";

const SLOW = { timeout: 90_000 };

for (const { name, open, option } of [
  { name: "a Redis", open: startRedis, option: "--redis" },
  { name: "an external mosquitto", open: startMosquitto, option: "--broker" },
]) {
  describe(`two hosts on ${name}`, () => {
    let shared;
    before(async () => (shared = await open()));
    after(() => shared?.stop());

    test("a nara on the first has its confidants on the second, and one host is killed", SLOW, async (t) => {
      const host = async (residents) => {
        const started = await startCommand("--residents", String(residents), option, shared.url);
        t.after(() => started.stop("SIGKILL"));
        return started;
      };
      const [first, second] = [await host(0), await host(4)];
      const near = new Neighbourhood(first.plaza);
      t.after(() => near.sleep());
      const owner = await near.wake({ stash: { spares: 0 } });
      await untilPeers(owner, 4);
      const { holders } = await owner.stash.set({ tea: "oolong" });
      assert.equal(holders.length, 3);
      const { soul } = owner;

      // A third host joins; then the second one ends without a word, and every copy with it.
      const third = await host(4);
      await untilPeers(owner, 8);
      const killedAt = Date.now();
      await second.stop("SIGKILL");
      const gone = new Set(holders.map(({ id }) => id));
      await until("three others to hold it", () => {
        const now = owner.stash.confidants();
        return now.length >= 3 && now.every(({ id }) => !gone.has(id));
      }, 45_000);
      const seconds = (Date.now() - killedAt) / 1_000;
      assert.ok(seconds < 45, `three held it again after ${seconds} s`);
      t.diagnostic(`three held it again ${seconds.toFixed(1)} s after the host was killed`);

      // The owner's own host ends likewise; it wakes on the one that is left.
      await first.stop("SIGKILL");
      await near.sleep();
      const far = new Neighbourhood(third.plaza);
      t.after(() => far.sleep());
      const again = await far.wake({ soul });
      assert.deepEqual((await again.stash.recover()).data, { tea: "oolong" });
    });
  });
}

test("while its Redis is away a host is no plaza, and afterwards all is as before", SLOW, async (t) => {
  const redis = await startRedis();
  const hosts = [];
  t.after(async () => {
    for (const host of hosts) await host.stop();
  });
  for (const residents of [0, 3]) hosts.push(await startCommand("--residents", String(residents), "--redis", redis.url));
  const neighbours = new Neighbourhood(hosts[0].plaza);
  t.after(() => neighbours.sleep());
  const owner = await neighbours.wake();
  await untilPeers(owner, 3);
  await owner.stash.set({ kept: 1 });
  await redis.stop();
  await untilConnection(owner, "waiting");
  assert.equal((await fetch(hosts[0].url)).status, 200);
  const again = await startRedis(redis.port);
  t.after(() => again.stop());
  await untilConnection(owner, "online");
  await untilPeers(owner, 3);
  const { holders } = await owner.stash.set({ kept: 2 });
  assert.equal(holders.length, 3);
  for (const host of hosts) assert.equal(host.stderr(), "");
});
