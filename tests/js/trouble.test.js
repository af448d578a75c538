// What a nara in Node does when it is given nonsense, or nobody answers.
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { afterEach, test } from "node:test";
import { NaraError } from "light-nara";
import { WebSocketServer } from "ws";
import { startServer } from "../../host/server.js";
import { freePorts } from "../support/mosquitto.js";
import { Neighbourhood, untilConnection } from "../support/naras.js";

const NOBODY = "ws://127.0.0.1:9/mqtt";
const BONDED = { soul: "5ThK1oqd8bZSPzFd7tGBw7o5bQvq4Jzjyr1zZdaRhzQ3TU42NQZaoji", name: "gopher-01" };
const SLOW = { timeout: 60_000 };

const neighbours = new Neighbourhood(NOBODY);
afterEach(() => neighbours.sleep());

for (const [what, options, code, words] of [
  ["a soul that is no Base58", { soul: "0OIl" }, "soul_invalid", /./],
  ["a soul that is too short", { soul: "abc" }, "soul_invalid", /./],
  ["a soul that is no text", { soul: 7 }, "option_invalid", /soul/],
  ["a soul bonded to another name", { ...BONDED, name: "gopher-02" }, "soul_mismatch", /gopher-02|name/],
  ["a soul bonded to a chosen name, without that name", { soul: BONDED.soul }, "soul_mismatch", /name/],
  ["an empty name", { name: "" }, "name_invalid", /name/],
  ["a name over 128 bytes", { name: "n".repeat(129) }, "name_invalid", /128/],
  ["an option that there is none of", { plazza: NOBODY }, "option_invalid", /plazza/],
  ["an address that is no WebSocket's", { plaza: "http://127.0.0.1/" }, "plaza_url", /ws/],
  ["an address that is none", { plaza: "somewhere" }, "plaza_url", /./],
  ["an unknown memory mode", { memory: "elephant" }, "option_invalid", /memory/],
]) {
  test(`${what} is refused with a sentence`, SLOW, async () => {
    await assert.rejects(neighbours.wake(options), (error) => {
      assert.ok(error instanceof NaraError, String(error));
      assert.equal(error.code, code, error.message);
      assert.match(error.message, words);
      return true;
    });
  });
}

test("soul and name that belong together wake the same nara everywhere", SLOW, async () => {
  const nara = await neighbours.wake(BONDED);
  assert.equal(nara.id, "7oHbVYE3znkKrCBRyJkE1HLF49oQXBaJsuYihcrdgmiY");
  assert.equal(nara.name, BONDED.name);
  assert.equal(nara.soul, BONDED.soul);
});

test("an unreachable plaza is waited for, and the status says when and why", SLOW, async () => {
  const nara = await neighbours.wake();
  await untilConnection(nara, "waiting");
  const { url, attempt, retryAt, why } = nara.status().connection;
  assert.equal(url, NOBODY);
  assert.ok(attempt >= 1);
  assert.ok(retryAt > Date.now() - 1_000 && retryAt < Date.now() + 61_000);
  assert.ok(why.length > 0);
});

test("a plaza that closes the connection is told without a number that says nothing", SLOW, async (t) => {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
  await once(server, "listening");
  t.after(() => server.close());
  const why = async (...farewell) => {
    server.once("connection", (socket) => socket.close(...farewell));
    const nara = await neighbours.wake({ plaza: `ws://127.0.0.1:${server.address().port}` });
    await untilConnection(nara, "waiting");
    const { why } = nara.status().connection;
    await nara.sleep();
    return why;
  };
  assert.equal(await why(), "the plaza closed the connection");
  assert.equal(await why(1001, "closing time"), "the plaza closed the connection (closing time)");
  assert.equal(await why(1008), "the plaza closed the connection (1008)");
});

test("a plaza that opens later is found", SLOW, async (t) => {
  const [port] = await freePorts(1);
  const nara = await neighbours.wake({ plaza: `ws://127.0.0.1:${port}/mqtt` });
  await untilConnection(nara, "waiting");
  const server = await startServer({ port, listen: "127.0.0.1" });
  t.after(() => server.close());
  nara.retryNow();
  await untilConnection(nara, "online");
});

test("a plaza that comes back is joined again", SLOW, async (t) => {
  const first = await startServer({ port: 0, listen: "127.0.0.1" });
  const nara = await neighbours.wake({ plaza: first.plaza });
  await untilConnection(nara, "online");
  await first.close();
  await untilConnection(nara, "waiting");
  const second = await startServer({ port: Number(new URL(first.plaza).port), listen: "127.0.0.1" });
  t.after(() => second.close());
  await untilConnection(nara, "online");
});

test("a connection that went dead without a word is found out within 5 s, and made anew", SLOW, async (t) => {
  const server = await startServer({ port: 0, listen: "127.0.0.1" });
  const line = await openLine(Number(new URL(server.plaza).port));
  t.after(async () => {
    line.close();
    await server.close();
  });
  const nara = await neighbours.wake({ plaza: `ws://127.0.0.1:${line.port}/mqtt` });
  await untilConnection(nara, "online");
  line.fallSilent();
  const asked = Date.now();
  nara.retryNow();
  await untilConnection(nara, "waiting");
  const took = Date.now() - asked;
  assert.ok(took >= 1_500 && took < 5_000, `it took ${took} ms`);
  nara.retryNow();
  await untilConnection(nara, "online");
});

/** A line to a port of this machine. What is connected when it falls silent stays open, and carries nothing any more. */
async function openLine(to) {
  const ends = new Set();
  const server = createServer((near) => {
    const far = connect(to, "127.0.0.1");
    near.pipe(far).pipe(near);
    for (const end of [near, far]) ends.add(end.on("error", () => {}));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: server.address().port,
    fallSilent: () => ends.forEach((end) => end.unpipe().resume()),
    close() {
      server.close();
      ends.forEach((end) => end.destroy());
    },
  };
}

test("an operation refuses what it cannot be told, before anything happens", SLOW, async () => {
  const nara = await neighbours.wake();
  const cases = [
    [{ deadlin: 5 }, "deadlin: no such option"],
    [{ signal: {} }, "signal: it must be an AbortSignal"],
    [{ deadline: -1 }, "deadline: it must be a number of milliseconds, 0 or more"],
    [5, "options: they must be an object"],
    [null, "options: they must be an object"],
  ];
  for (const [options, message] of cases) {
    await assert.rejects(nara.stash.set({ kept: true }, options), { name: "NaraError", code: "option_invalid", message });
    await assert.rejects(nara.stash.requestFrom("somebody", options), { name: "NaraError", code: "option_invalid", message });
  }
  assert.equal(nara.stash.get(), null);
  await assert.rejects(nara.sleep({ handoff: true }), { code: "option_invalid", message: "handoff: no such option" });
  await nara.stash.setStashData("awake");
});

test("setting with nobody there ends at its deadline, and the memory is not lost", SLOW, async () => {
  const nara = await neighbours.wake();
  await assert.rejects(nara.stash.set({ kept: true }, { deadline: 1_000 }), (error) => {
    assert.ok(["not_enough_peers", "timeout"].includes(error.code), error.code);
    return true;
  });
  assert.deepEqual(nara.stash.get().data, { kept: true });
});

test("a call that is aborted rejects at once", SLOW, async () => {
  const nara = await neighbours.wake();
  await assert.rejects(nara.stash.set({}, { signal: AbortSignal.abort() }), { code: "aborted" });
  const controller = new AbortController();
  const pending = nara.stash.recover({ signal: controller.signal });
  controller.abort();
  await assert.rejects(pending, { code: "aborted" });
});

test("a nara that sleeps refuses politely, and sleeping twice is no harm", SLOW, async () => {
  const nara = await neighbours.wake();
  await nara.sleep();
  await nara.sleep();
  assert.equal(nara.status().connection.state, "asleep");
  await assert.rejects(nara.stash.set({}), { code: "asleep" });
  await assert.rejects(nara.stash.recover(), { code: "asleep" });
});

test("a call that waits is told when its nara goes to sleep", SLOW, async () => {
  const nara = await neighbours.wake();
  const waiting = assert.rejects(nara.stash.set({ a: 1 }), { code: "asleep" });
  await nara.sleep();
  await waiting;
});

test("a listener may call anything", SLOW, async (t) => {
  const server = await startServer({ port: 0, listen: "127.0.0.1" });
  t.after(() => server.close());
  const nara = await neighbours.wake({ plaza: server.plaza });
  const states = [];
  const asleep = new Promise((resolve) => {
    nara.addEventListener("status", () => {
      states.push(nara.status().connection.state);
      nara.stash.get();
      // A bound, because a call that always causes the next event would never end.
      if (states.length < 1_000) nara.retryNow();
      if (states.at(-1) === "online") resolve(nara.sleep());
    });
  });
  await asleep;
  assert.ok(states.length < 1_000, "retryNow tells of a change where there is none");
});
