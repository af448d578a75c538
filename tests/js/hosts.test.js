// Several hosts with one broker are one network.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Nara } from "light-nara";
import { wakeResidents } from "../../host/residents.js";
import { startServer } from "../../host/server.js";
import { startMosquitto } from "../support/mosquitto.js";
import { until } from "../support/until.js";

test("a nara on one host recovers from confidants attached to another, over the mesh and over the plaza alone", { timeout: 60_000 }, async (t) => {
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
