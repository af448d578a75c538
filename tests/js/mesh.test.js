// Light naras among peers that behave as Go naras do, through a real gateway
// and a real mosquitto.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, afterEach, before, test } from "node:test";
import { Gopher } from "../support/gopher.js";
import { messageOf, openMeddler } from "../support/meddler.js";
import { openMesh } from "../support/mesh.js";
import { until } from "../support/until.js";

const SLOW = { timeout: 40_000 };
let mesh, gophers;
before(async () => {
  mesh = await openMesh({ gophers: 3 });
  gophers = mesh.gophers;
}, SLOW);
afterEach(() => mesh.sleep(), SLOW);
after(() => mesh.close(), SLOW);

test("a nara that attaches is given an address of its own", SLOW, async () => {
  const nara = await mesh.wake();
  await until("an address", () => nara.status().mesh.state === "attached");
  assert.match(nara.status().mesh.address, /^127\.0\.0\.1:\d+$/);
});

test("a light nara stores with Go-like naras, restarts and recovers from their pushes", SLOW, async () => {
  const nara = await mesh.wake({ stash: { spares: 0 } });
  await mesh.untilReached(nara);
  await nara.stash.set({ kept: "by gophers" }, { deadline: 15_000 });
  assert.ok(gophers.every((gopher) => gopher.held.has(nara.id)));
  const { soul, name } = nara;
  await nara.sleep();
  const again = await mesh.wake({ soul, name });
  const found = await again.stash.recover({ deadline: 15_000 });
  assert.deepEqual(found.data, { kept: "by gophers" });
  // Known already, it is greeted no more; their newspapers say where they are.
  for (const gopher of gophers) gopher.announce();
  await again.stash.set({ kept: "again" }, { deadline: 15_000 });
});

test("a Go-like nara stores with a light nara, restarts knowing nobody, and gets its stash pushed", SLOW, async () => {
  const nara = await mesh.wake();
  const [gopher] = gophers;
  await until("it is known", () => gopher.peers.get(nara.name)?.mesh);
  await mesh.untilReached(nara);
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
  const nara = await mesh.wake();
  await until("an address", () => nara.status().mesh.state === "attached");
  const { address } = nara.status().mesh;
  const stranger = new Gopher("stranger");
  assert.equal((await stranger.post(address, "/mesh/message", "{}")).status, 401);
  assert.equal((await stranger.post(address, "/api/checkpoints/all", "")).status, 404);
  const ping = await (await fetch(`http://${address}/ping`)).json();
  assert.equal(ping.from, nara.name);
  assert.equal(ping.mesh_ip, address);
});

test("naras on the mesh ask each other there, and by their topics while one of them is not", SLOW, async (t) => {
  const meddler = await openMeddler(mesh.gateway);
  t.after(() => meddler.close());
  const [one, other] = [await mesh.wake({ gateway: meddler.url, stash: { target: 1, spares: 0 } }), await mesh.wake()];
  await until("both to be on the mesh", () => [one, other].every((nara) => nara.status().mesh.address));
  await until("them to know each other", () => one.status().peers.some(({ id, mode }) => id === other.id && mode));
  const stores = () => meddler.seen.filter((frame) => messageOf(frame)?.kind === "stash:store").length;
  // The first may go by the topic: the other's address is not known yet, or this nara is not to the other.
  let tries = 0;
  await until("a store to go through the gateway", async () => (await one.stash.set({ tries: (tries += 1) }), stores() > 0));

  // Its address leads nowhere now: the gateway answers 503 for it, and drops nothing else.
  meddler.change = (frame) => (frame.way === "out" && frame.head.t === "request" ? answer(frame, { status: 503 }) : [frame]);
  const answer = ({ head }, how) => (meddler.invent({ head: { t: "answer", n: head.n, ...how } }), []);
  await one.stash.set({ a: 2 }).catch(() => {});
  assert.ok((await took(() => one.stash.storeWith(other.id))) < 1_900, "its topic is the next way, at once");

  await meddler.close();
  await until("the link to be lost", () => one.status().mesh.state !== "attached");
  await one.stash.set({ a: 3 }).catch(() => {});
  assert.ok((await took(() => one.stash.storeWith(other.id))) < 1_900);
  assert.equal(one.status().mesh.address, null);
});

test("a Go-like nara whose address leads nowhere is given up in milliseconds, not after 30 s", SLOW, async () => {
  const gone = new Gopher("gopher-gone");
  await gone.start(mesh.plaza);
  const nara = await mesh.wake({ stash: { target: 1, spares: 0 } });
  await mesh.untilReached(nara, [gone]);
  await nara.stash.set({ a: 1 }).catch(() => {});
  gone.server.closeAllConnections();
  await new Promise((resolve) => gone.server.close(resolve));
  const ms = await took(() => assert.rejects(nara.stash.requestFrom(gone.id), { code: "no_answer" }));
  assert.ok(ms < 1_900, `it took ${ms} ms`);
  await gone.client.endAsync(true);
});

test("a nara whose gateway is not there lives on the plaza alone", SLOW, async () => {
  const nara = await mesh.wake({ gateway: "ws://127.0.0.1:9/mesh" });
  await until("it to be online", () => nara.status().connection.state === "online");
  const { state, address } = nara.status().mesh;
  assert.ok(["attaching", "waiting"].includes(state), state);
  assert.equal(address, null);
});

async function took(run) {
  const startedAt = performance.now();
  await run();
  return Math.round(performance.now() - startedAt);
}
