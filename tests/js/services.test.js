// A service of one's own in JavaScript: what it declares, hears, asks and answers, and what cannot harm the nara.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Nara } from "light-nara";
import { GuestBook } from "../../examples/guest-book.js";
import { startServer } from "../../host/server.js";
import { Neighbourhood, untilPeers } from "../support/naras.js";
import { until } from "../support/until.js";

describe("a service in JavaScript", { timeout: 120_000 }, () => {
  let server;
  let neighbours;
  before(async () => {
    server = await startServer({ port: 0, listen: "127.0.0.1" });
    neighbours = new Neighbourhood(server.plaza);
  });
  after(async () => {
    await neighbours?.sleep();
    await server?.close();
  });

  /** Everything that a nara logs. */
  function logged(nara) {
    const lines = [];
    nara.addEventListener("log", ({ detail }) => lines.push(detail));
    return lines;
  }

  async function pair(first, second) {
    const one = await neighbours.wake({ services: first });
    const two = await neighbours.wake({ services: second });
    await Promise.all([untilPeers(one, 1), untilPeers(two, 1)]);
    return [one, two];
  }

  test("the guest book of the example greets whoever comes, and is thanked", async () => {
    const books = [new GuestBook("from the first"), new GuestBook("from the second")];
    const naras = [await neighbours.wake({ services: [books[0]] }), await neighbours.wake({ services: [books[1]] })];
    const lines = naras.map(logged);
    await until("each to be in the other's book", () => books.every(({ guests }) => guests.length > 0));
    assert.deepEqual(books[1].guests[0], { id: naras[0].id, name: naras[0].name, text: "from the first", mood: "curious" });
    await until("the thanks to be logged", () => lines.flat().some(({ service, text }) => service === "guestbook" && text.includes("thanks")));
    await neighbours.sleep();
  });

  test("the example runs as a process of its own and ends with Ctrl+C", async () => {
    const book = new GuestBook("from the test");
    const nara = await neighbours.wake({ services: [book] });
    const example = fileURLToPath(new URL("../../examples/guest-book.js", import.meta.url));
    const child = spawn(process.execPath, [example, server.plaza, "from a process"], { stdio: ["ignore", "pipe", "inherit"] });
    const ended = new Promise((resolve) => child.once("close", resolve));
    let stdout = "";
    child.stdout.setEncoding("utf8").on("data", (text) => (stdout += text));
    try {
      await until("the two to know each other", () => book.guests.length > 0 && stdout.includes("says: from the test"));
      assert.equal(book.guests[0].text, "from a process");
    } finally {
      child.kill("SIGINT");
    }
    assert.equal(await ended, 0);
    await until("its farewell", () => nara.status().peers.every(({ presence }) => presence === "offline"));
    await neighbours.sleep();
  });

  test("it hears that the memory is back, as local services do", async () => {
    await neighbours.wake();
    const first = await neighbours.wake({ stash: { target: 1 } });
    await untilPeers(first, 1);
    await first.stash.set({ tea: "oolong" });
    await first.sleep();
    const book = new GuestBook("hello");
    await neighbours.wake({ soul: first.soul, services: [book] });
    await until("the search to end", () => book.memoryBackWith !== null);
    assert.equal(book.memoryBackWith, 1);
    await neighbours.sleep();
  });

  test("a call ends with its verified answer, its deadline or its signal", async () => {
    const echo = {
      name: "echo",
      behaviours: {
        "echo:say": {
          answeredBy: "echo:said",
          fields: ["text", "nested"],
          handle: (ctx, { text, nested }, from) => text !== "silence" && ctx.reply(from, "echo:said", { text, nested, who: from.id }),
        },
        "echo:said": { fields: ["text", "nested", "who"] },
      },
    };
    let ctx;
    const asking = { ...echo, start: (context) => (ctx = context) };
    const [one, two] = await pair([asking], [echo]);
    const nested = { b: [1, 0.5, 1e21, null, "<&> \u2028"], a: {} };
    const { payload, from } = await ctx.call(two, "echo:say", { text: "ñ", nested });
    assert.deepEqual(payload, { text: "ñ", nested, who: one.id });
    assert.equal(from.id, two.id);
    assert.equal(from.key, one.status().peers.find(({ id }) => id === two.id).key);
    await assert.rejects(ctx.call(two.id, "echo:say", { text: "silence" }, { deadline: 100 }), { code: "no_answer" });
    const controller = new AbortController();
    const waiting = ctx.call(two.id, "echo:say", { text: "silence" }, { signal: controller.signal });
    controller.abort();
    await assert.rejects(waiting, { code: "aborted" });
    await assert.rejects(ctx.call("nobody", "echo:say", {}), { code: "option_invalid" });
    await assert.rejects(ctx.call(two.id, "echo:said", {}), { code: "option_invalid" });
    assert.throws(() => ctx.send(two.id, "echo:never", {}), { code: "not_sent" });
    assert.throws(() => ctx.send(two.id, "echo:say", { Text: "x" }), { code: "not_sent", message: /"text" is spelled "Text"/ });
    assert.ok(Math.abs(ctx.now() - Date.now()) < 1_000);
    assert.deepEqual(ctx.me, { id: one.id, name: one.name });
    assert.ok(ctx.peers().some(({ id }) => id === two.id));
    const plaintext = new TextEncoder().encode("mine");
    assert.deepEqual(ctx.open(ctx.seal(plaintext)), plaintext);
    assert.deepEqual(ctx.open(ctx.seal(plaintext.buffer)), plaintext);
    for (const wrong of ["hey", [1, 2, 300], undefined, new Uint16Array(2)]) {
      assert.throws(() => ctx.seal(wrong), { code: "option_invalid", message: "plaintext: it must be a Uint8Array or an ArrayBuffer" });
    }
    assert.throws(() => ctx.open(), { code: "option_invalid", message: /^nonce: / });
    assert.throws(() => ctx.open({ nonce: new Uint8Array(24), ciphertext: "hey" }), { code: "option_invalid", message: /^ciphertext: / });
    assert.throws(() => ctx.send(two.id, "echo:say", { text() {} }), { code: "not_json", message: 'the payload cannot be written as JSON: "text" is a function' });
    await assert.rejects(ctx.call(two.id, "echo:say", {}, { deadlin: 5 }), { code: "option_invalid", message: "deadlin: no such option" });
    await assert.rejects(ctx.call(two.id, "echo:say", {}, { signal: {} }), { code: "option_invalid", message: /^signal: / });
    assert.throws(() => ctx.open({ nonce: new Uint8Array(24), ciphertext: new Uint8Array(40) }), { code: "not_opened" });
    const last = ctx.call(two.id, "echo:say", { text: "silence" });
    await Promise.all([assert.rejects(last, { code: "asleep" }), one.sleep()]);
    await neighbours.sleep();
  });

  test("what a handler throws is logged, and the nara goes on", async () => {
    const heard = [];
    const fragile = {
      name: "fragile",
      behaviours: {
        "fragile:hear": {
          fields: ["text"],
          async handle(ctx, { text }) {
            heard.push(text);
            if (text === "first") throw new Error("too fragile");
            if (text === "second") null.text();
          },
        },
      },
      start() {
        throw new Error("not today");
      },
    };
    let ctx;
    const speaking = { ...fragile, start: (context) => (ctx = context) };
    const [, two] = await pair([speaking], [fragile]);
    const lines = logged(two);
    for (const text of ["first", "second", "third"]) ctx.send(two.id, "fragile:hear", { text });
    await until("all to be heard", () => heard.length === 3);
    const errors = () => lines.filter(({ service, level }) => service === "fragile" && level === "error").map(({ text }) => text);
    await until("both faults to be logged", () => errors().length === 2);
    assert.equal(errors()[0], "fragile:hear: too fragile");
    assert.equal(two.status().connection.state, "online");
    await neighbours.sleep();
  });

  test("a broadcast reaches everybody, and a handler may put its nara to sleep", async () => {
    let ctx;
    const topic = "nara/plaza/bell";
    const slept = [];
    const bell = (nara) => ({
      name: "bell",
      behaviours: {
        "bell:ring": { type: "protocol", topic, fields: [], handle: () => slept.push(nara().sleep()) },
        "bell:hint": { type: "ephemeral", topic, fields: [] },
      },
      start: (context) => (ctx ??= context),
      stop: () => {},
    });
    let two;
    const [one, second] = await pair([bell(() => one)], [bell(() => two)]);
    two = second;
    ctx.emit("bell:hint");
    ctx.emit("bell:ring");
    await until("the other to sleep", () => slept.length === 1);
    await slept[0];
    assert.equal(two.status().connection.state, "asleep");
    assert.equal(one.status().connection.state, "online");
    await neighbours.sleep();
  });

  test("traffic is told while somebody listens", async () => {
    const one = await neighbours.wake();
    const seen = [];
    const listener = ({ detail }) => seen.push(detail);
    one.addEventListener("traffic", listener);
    const two = await neighbours.wake();
    await until("a greeting to be seen", () => seen.some(({ from, kind }) => kind === "hey_there" && from === two.id));
    assert.ok(seen.every(({ from, to }) => (from === undefined) !== (to === undefined)));
    one.removeEventListener("traffic", listener);
    const { clock, drops } = one.status();
    assert.deepEqual([typeof clock.off, typeof drops], ["boolean", "object"]);
    await neighbours.sleep();
  });

  test("what is declared wrongly is refused with the field, and nothing wakes", async () => {
    const behaviours = (one) => [{ name: "x", behaviours: { "x:y": one } }];
    const cases = [
      ["no", /services: they must be an array/],
      [[{}], /services\[0\]\.name/],
      [[{ name: "x" }], /services: x: behaviours/],
      [behaviours({ type: "loud" }), /services: x: x:y: type must be one of request/],
      [behaviours({ type: "protocol" }), /services: x: x:y: it needs a topic/],
      [behaviours({ fields: "text" }), /fields must be an array/],
      [behaviours({ handle: 5 }), /handle: it must be a function/],
      [behaviours({ versions: { 0: {} } }), /"?0"? is no version/],
      [behaviours({ versions: {} }), /1 to 8 versions/],
      [behaviours({ rateLimit: { count: 0 } }), /rateLimit needs count and perMs/],
      [behaviours({ fields: ["f".repeat(65)] }), /no name of 1 to 64 bytes/],
      [behaviours({ handler() {} }), /^services: x: x:y: handler: no such option$/],
      [behaviours({ feilds: ["text"] }), /^services: x: x:y: feilds: no such option$/],
      [behaviours({ versions: { 1: { feilds: ["text"] } } }), /^services: x: x:y: feilds: no such option$/],
      [behaviours({ versions: { 1: null } }), /^services: x: x:y: versions: they must be an object$/],
      [behaviours({ fields: ["text", "mood", "text"] }), /^services: x: x:y: fields has text twice$/],
      [behaviours({ fields: ["text"], versions: { 1: {} } }), /^services: x: x:y: fields and handle go into versions/],
      [behaviours({ answeredBy: "x:z" }), /^services: x: x:y: answeredBy must name a kind that is declared, not x:z$/],
      ...["nara/#", "nara/+/x"].map((topic) => [behaviours({ type: "protocol", topic }), /^services: x: x:y: topic must be one topic, without the wildcards # and \+$/]),
      ...["request", "local"].map((type) => [behaviours({ type, topic: "nara/x" }), new RegExp(`^services: x: x:y: topic is for protocol and ephemeral alone, not for ${type}$`)]),
      [[{ name: "stash", behaviours: {} }], /there is a service of this name already/],
      [[{ name: "x", behaviours: { "stash:store": {} } }], /stash:store is another service's/],
      [Array.from({ length: 17 }, (_, n) => ({ name: `s${n}`, behaviours: {} })), /services: more than 16/],
    ];
    for (const [services, message] of cases) {
      await assert.rejects(Nara.wake({ plaza: server.plaza, services }), { code: "option_invalid", message });
    }
  });
});
