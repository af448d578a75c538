// Several hosts that are one plaza: on a Redis of theirs, or on one broker outside.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Redis } from "ioredis";
import { Nara } from "light-nara";
import mqtt from "mqtt";
import { wakeResidents } from "../../host/residents.js";
import { startServer } from "../../host/server.js";
import { startCommand } from "../support/command.js";
import { startMosquitto } from "../support/mosquitto.js";
import { Neighbourhood, untilConnection, untilPeers } from "../support/naras.js";
import { startRedis } from "../support/redis.js";
import { until } from "../support/until.js";

const SLOW = { timeout: 120_000 };
/** What README.md says of how soon the copies that a host took with it are made anew. */
const WHOLE_MS_MAX = 25_000;

// One after the other: how soon the copies are made anew is measured.
describe("several hosts", { concurrency: 1 }, () => {
  for (const [title, open, option] of [
    ["on one Redis, a nara's confidants are killed with their host, then its own host is, and it has its memory back", startRedis, "--redis"],
    ["on one external mosquitto, a nara's confidants are killed with their host, then its own host is, and it has its memory back", startMosquitto, "--broker"],
  ]) {
    test(title, SLOW, async (t) => {
      const shared = await open();
      t.after(() => shared.stop());
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
      }, 60_000);
      const tookMs = Date.now() - killedAt;
      t.diagnostic(`three held it again ${tookMs} ms after the host was killed`);
      assert.ok(tookMs < WHOLE_MS_MAX, `three held it again after ${tookMs} ms`);

      // The owner's own host ends likewise; it wakes on the one that is left.
      await first.stop("SIGKILL");
      await near.sleep();
      const far = new Neighbourhood(third.plaza);
      t.after(() => far.sleep());
      const again = await far.wake({ soul });
      assert.deepEqual((await again.stash.recover()).data, { tea: "oolong" });
    });
  }

  test("while its Redis is away a host is no plaza, and afterwards all is as before", SLOW, async (t) => {
    let redis = await startRedis();
    t.after(() => redis.stop());
    const hosts = [];
    t.after(() => Promise.all(hosts.map((host) => host.stop())));
    for (const residents of [0, 3]) hosts.push(await startCommand("--residents", String(residents), "--redis", redis.url));
    const neighbours = new Neighbourhood(hosts[0].plaza);
    t.after(() => neighbours.sleep());
    const owner = await neighbours.wake();
    await untilPeers(owner, 3);
    await owner.stash.set({ kept: 1 });
    await redis.stop();
    await untilConnection(owner, "waiting");
    assert.equal((await fetch(hosts[0].url)).status, 200);
    redis = await startRedis(redis.port);
    await untilConnection(owner, "online");
    // Those on the other host come back in their own time; whoever missed it is told again.
    await owner.stash.set({ kept: 2 }).catch(({ code }) => assert.equal(code, "not_enough_peers"));
    await until("three to hold the newest version", () => owner.stash.confidants().length >= 3, 90_000);
    assert.deepEqual((await owner.stash.requestFrom(owner.stash.confidants()[0].id)).data, { kept: 2 });
    for (const host of hosts) assert.equal(host.stderr(), "");
  });

  test("what else is said and kept on its Redis ends no host, and keeps no good will back", SLOW, async (t) => {
    const redis = await startRedis();
    t.after(() => redis.stop());
    const hosts = [];
    t.after(() => Promise.all(hosts.map((host) => host.stop())));
    for (let n = 0; n < 2; n++) hosts.push(await startCommand("--residents", "0", "--redis", redis.url));
    const listener = await mqtt.connectAsync(hosts[1].plaza, { reconnectPeriod: 0 });
    t.after(() => listener.endAsync(true));
    const heard = [];
    listener.on("message", (topic, payload) => heard.push(`${topic} ${payload}`));
    await listener.subscribeAsync("#");
    const stranger = new Redis(redis.url);
    t.after(() => stranger.disconnect());
    for (const said of ["hello", '{"a":1}', "", "set"]) {
      for (const channel of ["news", "nara/plaza/hey_there"]) assert.ok((await stranger.publish(channel, said)) > 0);
    }
    const wills = { a: '{"topic":"$x","payload":""}', b: "no JSON", c: '{"topic":"nara/plaza/gone","payload":"aGV5"}', d: '{"topic":5}', e: "null" };
    await stranger.hset("light-nara:wills:dead", wills);
    await stranger.set("light-nara:wills:odd", "a text");
    await stranger.sadd("light-nara:hosts", "dead", "odd");
    await until("the one good will", () => heard.includes("nara/plaza/gone hey"), 30_000);
    await until("the dead to be off the list", async () => (await stranger.sismember("light-nara:hosts", "odd")) === 0, 30_000);
    assert.deepEqual(heard.filter((one) => one.startsWith("nara/plaza/gone")), ["nara/plaza/gone hey"]);
    for (const host of hosts) {
      assert.equal((await fetch(host.url)).status, 200);
      assert.equal(host.stderr(), "");
    }
  });

  test("a nara on one host recovers from confidants attached to another, over the mesh and over the plaza alone", SLOW, async (t) => {
    const mosquitto = await startMosquitto();
    t.after(() => mosquitto.stop());
    const [first, second] = await Promise.all([0, 1].map(() => startServer({ port: 0, listen: "127.0.0.1", broker: mosquitto.url })));
    t.after(() => Promise.all([first.close(), second.close()]));
    const { naras, sleep } = await wakeResidents({ count: 4, plaza: second.plaza, gateway: second.gateway });
    t.after(sleep);
    const residents = naras.map(({ id }) => id);
    for (const gateway of [first.gateway, undefined]) {
      const wake = (options) => Nara.wake({ plaza: first.plaza, gateway, memory: "short", ...options });
      const nara = await wake();
      t.after(() => nara.sleep());
      const online = () => nara.status().peers.filter(({ id, presence }) => residents.includes(id) && presence === "online").length;
      await until("the residents of the other host", () => online() >= 3 && (gateway === undefined || nara.status().mesh.address));
      const { holders } = await nara.stash.set({ kept: "elsewhere" }, { deadline: 15_000 });
      assert.ok(holders.length >= 3);
      assert.ok(holders.every(({ id }) => residents.includes(id)));
      const { soul, name } = nara;
      await nara.sleep();
      const again = await wake({ soul, name });
      t.after(() => again.sleep());
      const { data, from } = await again.stash.recover({ deadline: 15_000 });
      assert.deepEqual(data, { kept: "elsewhere" });
      assert.ok(residents.includes(from.id));
      await again.sleep();
    }
  });
});
