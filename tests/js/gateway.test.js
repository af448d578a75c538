// The gateway's limits, each tried from outside by a link without a nara.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { connect } from "node:net";
import { after, before, describe, test } from "node:test";
import { BODY_SIZE_MAX, IN_FLIGHT_MAX, LINKS_MAX, NETWORKS, TIMES, openGateway, sourceOf } from "../../host/gateway.js";
import { readOptions } from "../../host/gateway-command.js";
import { runCommand, spawnCommand } from "../support/command.js";
import { RawLink, Signer, serveMesh } from "../support/link.js";
import { until } from "../support/until.js";

/** A gateway on a port of its own. */
async function open(options) {
  const gateway = openGateway(options);
  const server = createServer().on("upgrade", (...upgrade) => gateway.welcome(...upgrade));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `ws://127.0.0.1:${server.address().port}/mesh`;
  const links = [];
  return {
    url,
    link(socketOptions) {
      links.push(new RawLink(url, socketOptions));
      return links.at(-1);
    },
    async close() {
      for (const link of links) link.socket.terminate();
      await gateway.close();
      server.closeAllConnections();
      server.close();
    },
  };
}

const ANSWERS = (request, response) => response.end("{}");
const NEVER = () => {};

test("without options the patience is 10 s to attach and 5 s for answers, an address rests for 24 h, and loopback and tailnets are allowed", () => {
  assert.deepEqual(TIMES, { attach: 10_000, answer: 5_000, dial: 5_000, rest: 86_400_000 });
  assert.deepEqual(NETWORKS, ["127.0.0.0/8", "100.64.0.0/10"]);
});

describe("what a gateway asks for a nara", () => {
  const peer = new Signer("peer");
  let gateway, link, mesh;
  before(async () => {
    gateway = await open({ times: { dial: 3_000 } });
    link = gateway.link();
    await link.attach(new Signer("me"));
    mesh = await serveMesh(ANSWERS);
  });
  after(async () => {
    await mesh.close();
    await gateway.close();
  });

  test("goes to the address in a signed hey_there or newspaper", async () => {
    for (const proof of [peer.hello(mesh.mesh), peer.newspaper(mesh.mesh)]) {
      const { status, body } = await link.ask(proof);
      assert.equal(status, 200);
      assert.equal(body.toString(), "{}");
    }
  });

  test("goes nowhere without one, nor by one that somebody changed", async () => {
    const before = mesh.hits.length;
    const other = `127.0.0.1:${Number(mesh.mesh.split(":")[1]) + 1}`;
    const chau = peer.hello(mesh.mesh).replace("hey-there", "chau");
    const proofs = [undefined, "", "{}", mesh.mesh, peer.hello(other).replace(other, mesh.mesh), peer.newspaper(other).replace(other, mesh.mesh), chau, peer.hello(mesh.mesh).replace(/"sig":"[^"]+"/, '"sig":""')];
    for (const proof of proofs) assert.deepEqual(summary(await link.ask(proof)), [0, "nothing signed announces an address"], proof);
    assert.equal(mesh.hits.length, before);
  });

  for (const address of ["10.0.0.1:80", "192.168.1.1:7433", "172.16.0.1", "169.254.169.254:80", "0.0.0.0:80", "8.8.8.8:53", "100.63.255.255:80", "100.128.0.0", "255.255.255.255:1"]) {
    test(`does not go to ${address}, which is neither loopback nor in 100.64.0.0/10`, async () => {
      assert.deepEqual(summary(await link.ask(peer.hello(address))), [0, "this network is not allowed"]);
    });
  }

  for (const address of ["localhost:80", "example.org", "[::1]:80", "127.1:80", "0x7f.0.0.1:80", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:80@example.org", "user@127.0.0.1:80", "127.0.0.1:8o"]) {
    test(`does not go to ${address}, which is no IPv4 address with a port`, async () => {
      assert.deepEqual(summary(await link.ask(peer.hello(address))), [0, "nothing signed announces an address"]);
    });
  }

  for (const [method, path] of [["GET", "/"], ["POST", "/admin"], ["GET", "/mesh/message"], ["CONNECT", "/mesh/message"], ["POST", "/mesh/message?x=1"], ["POST", "/mesh/../admin"], ["POST", "http://127.0.0.1/mesh/message"], ["PUT", "/stash/store"]]) {
    test(`is never ${method} ${path}`, async () => {
      const before = mesh.hits.length;
      assert.deepEqual(summary(await link.ask(peer.hello(mesh.mesh), { method, path })), [0, "this path is not performed"]);
      assert.equal(mesh.hits.length, before);
    });
  }

  test("does not go to a port below 1024, where machines have their services", async () => {
    assert.deepEqual(summary(await link.ask(peer.hello("127.0.0.1:25"))), [0, "this port is not a nara's"]);
  });

  test("has no line breaks in its body, which other protocols would take for commands", async () => {
    const before = mesh.hits.length;
    for (const text of ["{\r\nset key 0 0 1\r\n1\r\n}", "{\n}", "\r"]) {
      assert.deepEqual(summary(await link.ask(peer.hello(mesh.mesh), { body: Buffer.from(text) })), [0, "the body has line breaks"]);
    }
    assert.equal(mesh.hits.length, before);
  });

  test("is no request where its fields are no texts, and the gateway goes on", async () => {
    const thing = { toString: 1, valueOf: 1 };
    for (const change of [{ method: thing }, { path: thing }, { path: ["/mesh/message"] }, { name: thing }, { at: 5 }, { sig: thing }]) {
      assert.deepEqual(summary(await link.ask(peer.hello(mesh.mesh), change)), [0, "this is no request"]);
    }
    assert.deepEqual(summary(await link.ask({ hey_there: thing })), [0, "this is no request"]);
    for (const change of [{ key: thing }, { nonce: thing }, { sig: thing }]) {
      const other = gateway.link();
      await other.frame({ t: "challenge" });
      other.send({ t: "attach", key: peer.key, nonce: "0".repeat(32), sig: "x", ...change });
      assert.ok([1008, 1011].includes(await other.closed));
    }
    assert.equal((await link.ask(peer.hello(mesh.mesh))).status, 200);
  });

  test("has no headers but the three that sign it", async () => {
    let seen;
    const curious = await serveMesh((request, response) => {
      seen = Object.keys(request.headers).sort();
      response.end();
    });
    await link.ask(peer.hello(curious.mesh), { cookie: "a=b", headers: { cookie: "a=b" } });
    assert.deepEqual(seen, ["connection", "content-length", "content-type", "host", "x-nara-name", "x-nara-signature", "x-nara-timestamp"]);
    await curious.close();
  });

  test("with a header that would smuggle in another fails", async () => {
    const { status } = await link.ask(peer.hello(mesh.mesh), { name: "x\r\nHost: example.org" });
    assert.equal(status, 0);
  });

  test("is not sent on where it is redirected", async () => {
    const redirecting = await serveMesh((request, response) => response.writeHead(307, { Location: `http://${mesh.mesh}/admin` }).end());
    const before = mesh.hits.length;
    assert.equal((await link.ask(peer.hello(redirecting.mesh))).status, 307);
    assert.equal(mesh.hits.length, before);
    assert.equal(redirecting.hits.length, 1);
    await redirecting.close();
  });

  test("ends in milliseconds where nobody listens", async () => {
    const gone = await serveMesh(ANSWERS);
    await gone.close();
    const startedAt = performance.now();
    assert.deepEqual(summary(await link.ask(peer.hello(gone.mesh))), [0, "ECONNREFUSED"]);
    assert.ok(performance.now() - startedAt < 1_500);
  });

  test("ends at its deadline where nothing answers, or the answer never ends", async () => {
    for (const serve of [NEVER, (request, response) => response.write("{")]) {
      const mute = await serveMesh(serve);
      assert.deepEqual(summary(await link.ask(peer.hello(mute.mesh))), [0, "no answer in time"]);
      await mute.close();
    }
  });

  test("ends at once where the answer is another protocol, and leaves room", async () => {
    const other = createServer().on("request", (request, response) => response.socket.end("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"));
    other.listen(0, "127.0.0.1");
    await once(other, "listening");
    const proof = peer.hello(`127.0.0.1:${other.address().port}`);
    for (let round = 0; round < IN_FLIGHT_MAX + 1; round++) {
      assert.deepEqual(summary(await link.ask(proof)), [0, "it answers with another protocol"]);
    }
    other.close();
  });

  test("gets an answer of 64 KiB, and none of a byte more", async () => {
    for (const [bytes, status] of [[BODY_SIZE_MAX, 200], [BODY_SIZE_MAX + 1, 0]]) {
      const long = await serveMesh((request, response) => response.end(Buffer.alloc(bytes)));
      assert.equal((await link.ask(peer.hello(long.mesh))).status, status);
      await long.close();
    }
  });

  test(`is one of ${IN_FLIGHT_MAX} at once, and one more fails at once`, async () => {
    const mute = await serveMesh(NEVER);
    const proof = peer.hello(mute.mesh);
    const answers = await Promise.all(Array.from({ length: IN_FLIGHT_MAX + 1 }, () => link.ask(proof)));
    const whys = answers.map(({ why }) => why);
    assert.deepEqual(whys.filter((why) => why === "too many requests are in flight").length, 1);
    assert.deepEqual(summary(await link.ask(peer.hello(mesh.mesh))).slice(0, 1), [200], "then there is room again");
    await mute.close();
  });

  test("is one of 256 in a row, and of 64 a second", async () => {
    const other = gateway.link();
    await other.attach(new Signer("in haste"));
    const gone = await serveMesh(ANSWERS);
    await gone.close();
    const proof = peer.hello(gone.mesh);
    let refused = 0;
    for (let n = 0; n < 20 && refused === 0; n += 1) {
      const answers = await Promise.all(Array.from({ length: IN_FLIGHT_MAX }, () => other.ask(proof)));
      refused = answers.filter(({ why }) => why === "too many requests are in flight").length;
    }
    assert.ok(refused > 0);
    await until("one more", async () => (await other.ask(proof)).why === "ECONNREFUSED");
  });

  test("of more than 64 KiB ends the link", async () => {
    const other = gateway.link();
    await other.attach(new Signer("other"));
    other.send({ t: "request", n: 1 }, Buffer.alloc(BODY_SIZE_MAX + 1));
    assert.equal(await other.closed, 1007);
  });
});

test("only configured networks are allowed, where there are some", async () => {
  const gateway = await open({ networks: ["127.0.0.1/32"] });
  const mesh = await serveMesh(ANSWERS);
  const [peer, link] = [new Signer("peer"), gateway.link()];
  await link.attach(new Signer("me"));
  assert.equal((await link.ask(peer.hello(mesh.mesh))).status, 200);
  assert.deepEqual(summary(await link.ask(peer.hello("127.0.0.2:9"))), [0, "this network is not allowed"]);
  await mesh.close();
  await gateway.close();
});

describe("the address of a nara", () => {
  let gateway;
  before(async () => (gateway = await open({ times: { answer: 3_000, rest: 5_000, attach: 3_000 } })));
  after(() => gateway.close());

  test("hands over requests with the three headers, and the answer back", async () => {
    const link = gateway.link();
    const address = await link.attach(new Signer("me"));
    const headers = { "X-Nara-Name": "peer", "X-Nara-Timestamp": "12", "X-Nara-Signature": "sig", Cookie: "a=b" };
    const answer = fetch(`http://${address}/mesh/message?x=1`, { method: "POST", headers, body: "{}" });
    const { n, body, ...asked } = await link.frame({ t: "request" });
    assert.deepEqual(asked, { t: "request", method: "POST", path: "/mesh/message", name: "peer", at: "12", sig: "sig" });
    assert.equal(body.toString(), "{}");
    link.send({ t: "answer", n, status: 200, name: "me", at: "13", sig: "mine" }, Buffer.from("fine"));
    const response = await answer;
    assert.equal(await response.text(), "fine");
    assert.equal(response.headers.get("x-nara-signature"), "mine");
    assert.equal(response.headers.get("access-control-allow-origin"), null);
  });

  test("closes each connection behind the answer, and hands over no path of more than 1,024 characters", async () => {
    const link = gateway.link();
    const address = await link.attach(new Signer("me"));
    const long = await fetch(`http://${address}/${"a".repeat(9_000)}`);
    assert.equal(long.status, 400);
    const answer = post(address, "{}");
    const { n } = await link.frame({ t: "request" });
    link.send({ t: "answer", n, status: 200, name: "me", at: "13", sig: "mine" });
    assert.equal((await answer).headers.get("connection"), "close");
  });

  test("waits for nobody who connects and says nothing, or never ends what it says", async () => {
    const link = gateway.link();
    const [host, port] = (await link.attach(new Signer("me"))).split(":");
    const half = ["", "POST /mesh/message HTTP/1.1\r\nX-Nara", "POST /mesh/message HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{"];
    const ends = half.map(async (text) => {
      const socket = connect(Number(port), host).on("error", () => {}).resume();
      socket.write(text);
      await once(socket, "close");
    });
    await Promise.all(ends);
    assert.equal(link.frames.length, 0);
  });

  test("makes a 502 of an answer that cannot be one, and goes on", async () => {
    const link = gateway.link();
    const address = await link.attach(new Signer("me"));
    for (const wrong of [{ status: 200, name: "x\r\nSet-Cookie: a=b", at: "1", sig: "s" }, { status: 200, name: "me", at: "1\n", sig: {} }, { status: "200" }, {}]) {
      const answer = post(address, "{}");
      const { n } = await link.frame({ t: "request" });
      link.send({ t: "answer", n, ...wrong });
      assert.equal((await answer).status, 502);
    }
  });

  test("takes no body over 64 KiB, and waits for no nara for ever", async () => {
    const link = gateway.link();
    const address = await link.attach(new Signer("me"));
    assert.equal((await post(address, Buffer.alloc(BODY_SIZE_MAX + 1))).status, 413);
    assert.equal((await post(address, "{}")).status, 504);
    assert.ok(await link.frame({ t: "request" }));
  });

  test(`has ${IN_FLIGHT_MAX} requests in flight at most`, async () => {
    const link = gateway.link();
    const address = await link.attach(new Signer("me"));
    const statuses = await Promise.all(Array.from({ length: IN_FLIGHT_MAX + 1 }, () => post(address, "{}").then(({ status }) => status)));
    assert.deepEqual([...new Set(statuses)].sort(), [503, 504]);
    assert.equal(statuses.filter((status) => status === 503).length, 1);
  });

  test("stays with its key when the nara comes back, and no request is waited for meanwhile", async () => {
    const me = new Signer("me");
    const first = gateway.link();
    const address = await first.attach(me);
    await first.close();
    assert.equal((await post(address, "{}")).status, 503);
    const second = gateway.link();
    assert.equal(await second.attach(me), address);
    const third = gateway.link();
    assert.equal(await third.attach(me), address);
    assert.equal(await second.closed, 4001, "the one before is told that it was replaced");
    await until("a request", async () => {
      void post(address, "{}").catch(() => {});
      return third.frames.length > 0;
    });
  });

  test("goes to no other key while it rests, and is closed after that", async () => {
    const first = gateway.link();
    const address = await first.attach(new Signer("me"));
    await first.close();
    const others = await Promise.all([1, 2, 3].map(() => gateway.link().attach(new Signer("other"))));
    assert.ok(!others.includes(address));
    await until("the address to be closed", () => post(address, "{}").then(() => false, () => true));
  });

  test("is given to nobody who proves no key", async () => {
    const [me, other] = [new Signer("me"), new Signer("other")];
    const hello = JSON.parse(me.hello("127.0.0.1:1"));
    const spoilt = [
      { origin: "wss://example.org" }, // meant for another gateway
      { nonce: "0".repeat(32) }, // played again
      { key: other.key }, // somebody else's
      { sig: hello.sig }, // signed for the plaza
      { sig: "" },
    ];
    for (const change of spoilt) {
      const link = gateway.link();
      assert.equal(await link.attach(me, change), null, JSON.stringify(change));
      assert.equal(await link.closed, 1008);
    }
  });

  test("is not waited for by a link that does not attach, or asks before", async () => {
    const mesh = await serveMesh(ANSWERS);
    const link = gateway.link();
    await link.frame({ t: "challenge" });
    void link.ask(new Signer("peer").hello(mesh.mesh));
    assert.equal(await link.closed, 1008);
    assert.equal(mesh.hits.length, 0);
    await mesh.close();
  });
});

describe("a flood of keys", () => {
  const from = (address) => ({ headers: { "x-forwarded-for": `10.9.9.9, ${address}` } });

  test("from one address elsewhere fills no more than its own share, of links and of places", { timeout: 60_000 }, async () => {
    const gateway = await open();
    const flood = await Promise.all(Array.from({ length: LINKS_MAX }, async () => {
      const link = gateway.link(from("203.0.113.1"));
      assert.ok(await link.attach(new Signer("flood")));
      return link;
    }));
    const refused = gateway.link(from("203.0.113.1"));
    const status = await new Promise((resolve) => refused.socket.on("unexpected-response", (_, response) => resolve(response.statusCode)));
    assert.equal(status, 503);
    await flood[0].close();
    const again = gateway.link(from("203.0.113.1"));
    assert.equal(await again.attach(new Signer("one key too many")), null);
    assert.equal(await again.closed, 1013);
    for (const address of ["203.0.113.2", "127.0.0.1"]) assert.ok(await gateway.link(from(address)).attach(new Signer("honest")), address);
    await gateway.close();
  });

  test("that fills all places pushes out its own, and a nara that was here for longer keeps its address", { timeout: 60_000 }, async () => {
    const gateway = await open({ places: 8 });
    const given = new Set();
    const passBy = async () => {
      const link = gateway.link();
      given.add(await link.attach(new Signer("flood")));
      await link.close();
    };
    const me = new Signer("me");
    const link = gateway.link();
    const mine = await link.attach(me);
    for (let n = 0; n < 12; n += 1) await passBy();
    await link.close();
    for (let n = 0; n < 12; n += 1) await passBy();
    assert.equal(given.size, 24, "an address that was let go is given to nobody else");
    assert.ok(!given.has(null) && !given.has(mine));
    assert.equal(await gateway.link().attach(me), mine);
    assert.ok(await gateway.link().attach(new Signer("honest")));
    await gateway.close();
  });

  for (const [remote, forwarded, source] of [
    ["127.0.0.1", undefined, null],
    ["::1", undefined, null],
    ["::ffff:127.0.0.1", undefined, null],
    ["203.0.113.1", "127.0.0.1", "203.0.113.1"],
    ["127.0.0.1", "127.0.0.1, 203.0.113.1", "203.0.113.1"],
    ["::ffff:203.0.113.1", undefined, "203.0.113.1"],
    ["127.0.0.1", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2"],
    ["2001:db8:1:2::9", undefined, "2001:db8:1:2"],
    ["127.0.0.1", "fe80::1%eth0", "fe80"],
    ["127.0.0.1", "x".repeat(100), "x".repeat(64)],
  ]) {
    test(`of ${remote}, for ${String(forwarded).slice(0, 40)}, counts as ${source?.slice(0, 40) ?? "this machine"}`, () => {
      assert.equal(sourceOf({ headers: forwarded === undefined ? {} : { "x-forwarded-for": forwarded }, socket: { remoteAddress: remote } }), source);
    });
  }
});

describe("a page's WebSocket", () => {
  let gateway;
  before(async () => (gateway = await open({ origins: ["https://example.org"] })));
  after(() => gateway.close());

  for (const [what, headers, status] of [
    ["a page of another site", { origin: "https://evil.example" }, 403],
    ["a file", { origin: "null" }, 403],
    ["a page of another port of this host", { origin: "http://127.0.0.1:1" }, 403],
    ["a name that was made to point here", { host: "evil.example" }, 403],
    ["such a name, with a page of its own", { host: "evil.example", origin: "http://evil.example" }, 403],
    ["a page that is named", { host: "example.org", origin: "https://example.org" }, 101],
    ["a page that is named, at the address itself", { origin: "https://example.org" }, 101],
    ["a program without a page", {}, 101],
  ]) {
    test(`of ${what} is answered with ${status}`, async () => {
      const link = gateway.link({ headers });
      const answered = await new Promise((resolve) => {
        link.socket.on("unexpected-response", (_, response) => resolve(response.statusCode));
        link.socket.on("open", () => resolve(101));
      });
      assert.equal(answered, status);
      link.socket.terminate();
    });
  }
});

describe("light-nara gateway", () => {
  test("is a process of its own that naras attach to, and ends at Ctrl+C", async () => {
    const command = spawnCommand(["gateway", "--port", "0", "--address", "127.0.0.3", "--origin", "http://127.0.0.1:8080"]);
    const url = await until("its address", () => /ws:\S+/.exec(command.stdout())?.[0]);
    const link = new RawLink(url);
    const address = await link.attach(new Signer("me"));
    assert.match(address, /^127\.0\.0\.3:\d+$/);
    const answer = post(address, "{}");
    const { n } = await link.frame({ t: "request" });
    link.send({ t: "answer", n, status: 200, name: "me", at: "1", sig: "s" });
    assert.equal((await answer).status, 200);
    const page = new RawLink(url, { origin: "http://127.0.0.1:8080" });
    assert.ok(await page.attach(new Signer("page")));
    await page.close();
    assert.equal(await command.stop(), 0);
    await link.closed;
  });

  test("refuses an address that is none of this machine", async () => {
    const { code, stderr } = await runCommand("gateway", "--port", "0", "--address", "192.0.2.1");
    assert.equal(code, 1);
    assert.equal(stderr, 'light-nara: --address takes an IPv4 address of this machine, not "192.0.2.1"\n');
  });

  test("has options for what is allowed", () => {
    assert.deepEqual(readOptions(["--network", "10.0.0.0/8", "--network", "127.0.0.0/8", "--origin", "https://example.org/", "--address", "127.0.0.2"]), {
      help: false,
      port: 8082,
      listen: "127.0.0.1",
      address: "127.0.0.2",
      networks: ["10.0.0.0/8", "127.0.0.0/8"],
      origins: ["https://example.org"],
    });
  });

  for (const [args, expected] of [
    [["--network", "10.0.0.0"], /^--network takes an IPv4 network/],
    [["--network", "10.0.0.0/33"], /^--network takes an IPv4 network/],
    [["--origin", "example.org"], /^--origin takes scheme, name and port/],
    [["--origin", "https://example.org/path"], /^--origin takes scheme, name and port/],
    [["--address", "0.0.0.0"], /^--address takes an IPv4 address of this machine/],
    [["--listen", ""], /^--listen takes an address/],
    [["dance"], /^unknown word "dance"/],
  ]) {
    test(`${args.join(" ")} is refused with a sentence`, () => assert.throws(() => readOptions(args), { message: expected }));
  }
});

function summary({ status, why }) {
  return [status, why];
}

function post(address, body) {
  return fetch(`http://${address}/mesh/message`, { method: "POST", body });
}
