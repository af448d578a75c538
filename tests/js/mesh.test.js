// Light naras among peers that behave as Go naras do, through a real gateway
// and a real mosquitto.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, afterEach, before, test } from "node:test";
import { Nara } from "light-nara";
import { startServer } from "../../host/server.js";
import { Gopher } from "../support/gopher.js";
import { startMosquitto } from "../support/mosquitto.js";
import { until } from "../support/until.js";

const SLOW = { timeout: 40_000 };
let mosquitto, host, gophers;
before(async () => {
  mosquitto = await startMosquitto();
  host = await startServer({ port: 0, listen: "127.0.0.1", broker: mosquitto.url });
  gophers = ["gopher-a", "gopher-b", "gopher-c"].map((name) => new Gopher(name));
  for (const gopher of gophers) await gopher.start(mosquitto.url);
  await until("the gophers to know each other", () => gophers.every(({ peers }) => peers.size === gophers.length - 1));
  for (const gopher of gophers) gopher.greeted = 0; // as if they had been up for a while
}, SLOW);
after(async () => {
  for (const gopher of gophers) await gopher.stop();
  await host.close();
  await mosquitto.stop();
}, SLOW);

const awake = new Set();
afterEach(async () => {
  await Promise.all([...awake].map((nara) => nara.sleep()));
  awake.clear();
});

async function wake(options) {
  const nara = await Nara.wake({ plaza: mosquitto.url, gateway: host.gateway, memory: "medium", ...options });
  awake.add(nara);
  return nara;
}

const online = (nara) => nara.status().peers.filter(({ presence }) => presence === "online").length;

test("a nara that attaches is given an address of its own", SLOW, async () => {
  const nara = await wake();
  await until("an address", () => nara.status().mesh.state === "attached");
  assert.match(nara.status().mesh.address, /^127\.0\.0\.1:\d+$/);
});

test("a light nara stores with Go-like naras, restarts and recovers from their pushes", SLOW, async () => {
  const nara = await wake({ stash: { spares: 0 } });
  await until("the gophers to be seen", () => online(nara) >= gophers.length);
  await nara.stash.set({ kept: "by gophers" }, { deadline: 15_000 });
  assert.ok(gophers.every((gopher) => gopher.held.has(nara.id)));
  const { soul, name } = nara;
  await nara.sleep();
  const again = await wake({ soul, name });
  const found = await again.stash.recover({ deadline: 15_000 });
  assert.deepEqual(found.data, { kept: "by gophers" });
  // Known already, it is greeted no more; their newspapers say where they are.
  for (const gopher of gophers) gopher.announce();
  await again.stash.set({ kept: "again" }, { deadline: 15_000 });
});

test("a Go-like nara stores with a light nara, restarts knowing nobody, and gets its stash pushed", SLOW, async () => {
  const nara = await wake();
  const [gopher] = gophers;
  await until("it is known", () => gopher.peers.get(nara.name)?.mesh);
  await until("it knows the gophers", () => online(nara) >= gophers.length);
  gopher.announce();
  await until("the gopher's newspaper", () => nara.status().peers.some(({ id, mode }) => id === gopher.id && mode === "medium"));
  const sealed = () => ({ nonce: randomBytes(24).toString("base64"), ciphertext: randomBytes(400).toString("base64") });
  const real = sealed();
  for (const one of [sealed(), real]) await gopher.store(nara.name, one);
  await until("both acks", () => gopher.acks.filter(({ success }) => success).length === 2);
  gopher.forget();
  gopher.answers.length = 0;
  gopher.greeted = 0;
  gopher.greet();
  await until("its stash", () => gopher.responses.some(({ ciphertext }) => ciphertext === real.ciphertext), 15_000);
  assert.ok(gopher.howdies.some(({ From, To }) => From === nara.name && To === gopher.name));
});

test("a stranger gets 401, an unknown path 404, and the ping is answered", SLOW, async () => {
  const nara = await wake();
  await until("an address", () => nara.status().mesh.state === "attached");
  const { address } = nara.status().mesh;
  const stranger = new Gopher("stranger");
  assert.equal((await stranger.post(address, "/mesh/message", "{}")).status, 401);
  assert.equal((await stranger.post(address, "/api/checkpoints/all", "")).status, 404);
  const ping = await (await fetch(`http://${address}/ping`)).json();
  assert.equal(ping.from, nara.name);
  assert.equal(ping.mesh_ip, address);
});
