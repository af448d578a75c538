// What the command `light-nara` does with its options, with trouble, and with Ctrl+C.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createServer } from "node:net";
import { after, before, describe, test } from "node:test";
import { readOptions } from "../../host/cli.js";
import { startServer } from "../../host/server.js";
import { tellOf } from "../../host/telling.js";
import { runCommand, startCommand } from "../support/command.js";
import { freePorts } from "../support/mosquitto.js";
import { until } from "../support/until.js";

test("without options it listens on loopback at 8080 with five residents", () => {
  assert.deepEqual(readOptions([]), { help: false, version: false, port: 8080, listen: "127.0.0.1", broker: null, gateway: null, redis: null, residents: 5 });
});

test("the command's name may be written out", () => {
  assert.equal(readOptions(["host", "--port", "8123"]).port, 8123);
});

for (const [args, expected] of [
  [["--bogus"], /^unknown option '--bogus'; --help lists what there is$/],
  [["--port"], /^option '--port <value>' argument missing/],
  [["--port", "http"], /^--port takes a whole number from 0 to 65535, not "http"$/],
  [["--port", "65536"], /^--port takes a whole number from 0 to 65535/],
  [["--residents", "51"], /^--residents takes a whole number from 0 to 50, not "51"$/],
  [["--residents=-1"], /^--residents takes a whole number/],
  [["--residents", "-1"], /^--residents takes a whole number from 0 to 50, not "-1"$/],
  [["--port", "-1"], /^--port takes a whole number from 0 to 65535, not "-1"$/],
  [["--port", "--residents", "3"], /^option '--port <value>' argument missing; --help lists what there is$/],
  [["--broker", "http://127.0.0.1"], /^--broker takes an address that starts with ws:\/\/ or wss:\/\//],
  [["--broker", "ws://user:secret@127.0.0.1/mqtt"], /^--broker takes an address without a user name or password/],
  [["--gateway", "https://example.org/mesh"], /^--gateway takes an address that starts with ws:\/\/ or wss:\/\//],
  [["--redis", "127.0.0.1:6379"], /^--redis takes an address that starts with redis:\/\/ or rediss:\/\/$/],
  [["--redis", "redis://127.0.0.1", "--broker", "ws://127.0.0.1/mqtt"], /^--broker and --redis exclude each other/],
  [["--listen", ""], /^--listen takes an address/],
  [["dance"], /^unknown command "dance"/],
]) {
  test(`${args.join(" ")} is refused with a sentence`, () => {
    assert.throws(() => readOptions(args), { message: expected });
  });
}

test("--help names every option", async () => {
  const { code, stdout } = await runCommand("--help");
  assert.equal(code, 0);
  for (const option of ["--port", "--listen", "--broker", "--gateway", "--redis", "--residents"]) assert.match(stdout, new RegExp(`${option} `));
});

test("-h is --help for each command, and --version prints the version", async () => {
  for (const words of [[], ["gateway"], ["confidant"]]) {
    const [long, short] = await Promise.all([runCommand(...words, "--help"), runCommand(...words, "-h")]);
    assert.deepEqual([short.code, short.stdout], [0, long.stdout]);
  }
  const { version } = JSON.parse(await readFile(new URL("../../package.json", import.meta.url), "utf8"));
  assert.deepEqual([(await runCommand("--version")).stdout], [`${version}\n`]);
});

test("a mistyped option ends with code 1 and one line", async () => {
  const { code, stderr } = await runCommand("--porto", "1");
  assert.equal(code, 1);
  assert.match(stderr, /^light-nara: [^\n]+\n$/);
});

test("a Redis that is not there is a sentence without its password, and code 1", async () => {
  const { code, stderr } = await runCommand("--port", "0", "--redis", "redis://:secret@127.0.0.1:9");
  assert.equal(code, 1);
  assert.equal(stderr, "light-nara: the Redis of --redis cannot be reached (connect ECONNREFUSED 127.0.0.1:9)\n");
});

test("an address of another machine is refused with a sentence", async () => {
  const { code, stderr } = await runCommand("--port", "0", "--listen", "192.0.2.1", "--residents", "0");
  assert.equal(code, 1);
  assert.equal(stderr, "light-nara: 192.0.2.1 is no address of this machine; choose another with --listen\n");
});

test("a port in use is a sentence and code 1", async (t) => {
  const squatter = createServer();
  await new Promise((resolve) => squatter.listen(0, "127.0.0.1", resolve));
  t.after(() => squatter.close());
  const { port } = squatter.address();
  const { code, stderr } = await runCommand("--port", String(port));
  assert.equal(code, 1);
  assert.equal(stderr, `light-nara: port ${port} on 127.0.0.1 is in use; stop what runs there, or choose another with --port\n`);
});

for (const signal of ["SIGINT", "SIGTERM"]) {
  test(`${signal} ends the host and its residents within 3 s, with code 0`, async () => {
    const host = await startCommand("--residents", "2");
    const startedAt = Date.now();
    assert.equal(await host.stop(signal), 0);
    assert.ok(Date.now() - startedAt < 3_000);
    assert.equal(host.stderr(), "");
  });
}

test("it stops as cleanly while its broker cannot be reached", async () => {
  const host = await startCommand("--residents", "2", "--broker", "ws://127.0.0.1:9/mqtt");
  const startedAt = Date.now();
  assert.equal(await host.stop(), 0);
  assert.ok(Date.now() - startedAt < 3_000);
});

test("it says that its broker is not reached, and when it is", { timeout: 60_000 }, async (t) => {
  const [port] = await freePorts(1);
  const host = await startCommand("--residents", "2", "--broker", `ws://127.0.0.1:${port}/mqtt`);
  t.after(() => host.stop());
  await until("the trouble to be told", () => /mqtt is not reached \(.+\); trying again/.test(host.stdout()));
  const broker = await startServer({ port, listen: "127.0.0.1" });
  t.after(() => broker.close());
  await until("the end of it to be told", () => host.stdout().includes("/mqtt is reached\n"));
  assert.equal(host.stdout().match(/is not reached/g).length, 1);
});

test("what a broker says for why it closes stays one line, and moves no cursor", (t) => {
  const nara = Object.assign(new EventTarget(), { status: () => ({ connection: { state: "waiting", why: "\x1b[2J\nall is well\u009b", url: "ws://b" }, elsewhere: false, name: "n" }) });
  const write = t.mock.method(process.stdout, "write", () => true);
  tellOf(nara);
  const said = write.mock.calls.map(({ arguments: [text] }) => text);
  write.mock.restore();
  assert.deepEqual(said, ["ws://b is not reached ( [2J all is well ); trying again\n"]);
});

test("it ends with open sockets too", async () => {
  const host = await startCommand("--residents", "0");
  const socket = new (await import("ws")).WebSocket(host.plaza, "mqtt");
  await new Promise((resolve) => socket.once("open", resolve));
  socket.on("error", () => {});
  const startedAt = Date.now();
  assert.equal(await host.stop(), 0);
  assert.ok(Date.now() - startedAt < 3_000);
});

describe("once it is awake", () => {
  let host;
  before(async () => (host = await startCommand("--residents", "3")));
  after(() => host?.stop());

  test("it has printed its address and who lives there", () => {
    assert.match(host.stdout(), /^light-nara is awake: http:\/\/127\.0\.0\.1:\d+\/$/m);
    assert.match(host.stdout(), /^living here: [a-z]+-[a-z]+-\d+, [a-z]+-[a-z]+-\d+, [a-z]+-[a-z]+-\d+;/m);
  });

  test("it answers on its address with the page", async () => {
    const response = await fetch(host.url);
    assert.equal(response.status, 200);
    assert.match(await response.text(), /<!doctype html>/i);
  });
});
