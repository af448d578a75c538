// Calls that overlap, and calls from inside listeners: nothing of the core is borrowed then, so everything may be called.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Nara, NaraError } from "light-nara";
import { startServer } from "../../host/server.js";
import { Neighbourhood, untilPeers } from "../support/naras.js";
import { until } from "../support/until.js";

const PATIENT = { timeout: 60_000 };
const EVENTS = ["status", "log", "traffic", "stash:saved", "stash:recovered", "stash:gate", "asleep"];

let server;
let neighbours;
before(async () => {
  server = await startServer({ port: 0, listen: "127.0.0.1" });
  neighbours = new Neighbourhood(server.plaza);
  await neighbours.wakeMany(4);
});
after(async () => {
  await neighbours?.sleep();
  await server?.close();
});

async function settled(options) {
  const nara = await neighbours.wake(options);
  await untilPeers(nara, 4);
  return nara;
}

test("of twenty sets at once the last is kept, and those before it are kept or replaced", PATIENT, async () => {
  const nara = await settled();
  const endings = await Promise.allSettled(Array.from({ length: 20 }, (_, index) => nara.stash.set({ index })));
  for (const { reason } of endings.slice(0, -1)) {
    if (reason !== undefined) assert.deepEqual([reason instanceof NaraError, reason.code], [true, "replaced"]);
  }
  assert.equal(endings.at(-1).value.version, 20);
  assert.deepEqual(nara.stash.get().data, { index: 19 });
  await nara.sleep();
  const again = await neighbours.wake({ soul: nara.soul });
  const found = await Promise.all([again.stash.recover(), again.stash.recover(), again.stash.recoverFromAny()]);
  for (const { data, version } of found) assert.deepEqual([data, version], [{ index: 19 }, 20]);
  await again.sleep();
});

test("beyond 64 calls that wait the next is refused, and the others still end", PATIENT, async (t) => {
  const warnings = [];
  const warned = (warning) => warnings.push(warning.message);
  process.on("warning", warned);
  t.after(() => process.off("warning", warned));
  const nara = await Nara.wake({ plaza: "ws://127.0.0.1:9/mqtt" });
  nara.stash.setStashData({ kept: "here" });
  const calls = Array.from({ length: 70 }, () => nara.stash.distributeToConfidants({ deadline: 60_000 }));
  const endings = Promise.allSettled(calls);
  await nara.sleep();
  const codes = (await endings).map(({ reason }) => reason.code);
  assert.deepEqual([codes.filter((code) => code === "asleep").length, codes.filter((code) => code === "too_many").length], [64, 6]);
  assert.deepEqual(warnings, []);
});

test("inside a listener of any event everything may be called", PATIENT, async () => {
  const nara = await settled();
  const seen = new Set();
  const failures = [];
  let running = 0;
  const everything = async (type) => {
    running += 1;
    try {
      nara.status();
      nara.stash.get();
      nara.stash.marshalState();
      nara.stash.confidants();
      nara.retryNow();
      nara.tick();
      if (type === "asleep") return await assert.rejects(nara.stash.set({ too: "late" }), { code: "asleep" });
      nara.stash.pushTo(nara.id);
      await nara.stash.recover({ deadline: 20_000 });
    } catch (error) {
      failures.push([type, error]);
    } finally {
      running -= 1;
    }
  };
  const listeners = EVENTS.map((type) => [type, () => {
    if (seen.has(type)) return;
    seen.add(type);
    everything(type);
  }]);
  for (const [type, listener] of listeners) nara.addEventListener(type, listener);
  let again = 0;
  nara.addEventListener("stash:saved", ({ detail }) => {
    if ((again += 1) === 1) nara.stash.setStashData({ after: detail.version });
  });
  await nara.stash.set({ first: true }).catch(({ code }) => assert.equal(code, "replaced"));
  await until("what the listener set", () => nara.stash.get().data.after !== undefined);
  await until("its copies", () => nara.status().stash.safe);
  await until("what the listeners called to end", () => running === 0);
  await nara.sleep();
  assert.deepEqual(failures, []);
  for (const type of ["status", "log", "traffic", "stash:saved", "asleep"]) assert.ok(seen.has(type), type);
});

test("a listener may put the nara to sleep, and others after it are told", PATIENT, async () => {
  const nara = await settled();
  const told = [];
  nara.addEventListener("stash:saved", () => told.push(nara.sleep()), { once: true });
  nara.addEventListener("stash:saved", () => told.push("second"), { once: true });
  await nara.stash.set({ tea: "oolong" }).catch(({ code }) => assert.equal(code, "asleep"));
  await until("both listeners", () => told.length === 2);
  await told[0];
  assert.equal(nara.status().connection.state, "asleep");
});

test("a set inside the end of another has the next version", PATIENT, async () => {
  const nara = await settled();
  const versions = [];
  await Promise.all([1, 2].map(async () => {
    for (let round = 0; round < 3; round += 1) {
      await nara.stash.set({ round }).then(({ version }) => versions.push(version), ({ code }) => assert.equal(code, "replaced"));
    }
  }));
  assert.equal(nara.stash.get().version, 6);
  assert.deepEqual(versions, [...new Set(versions)].sort((a, b) => a - b));
  await nara.sleep();
});
