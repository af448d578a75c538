// What the host's page server answers, and what it refuses.
import assert from "node:assert/strict";
import { request } from "node:http";
import { connect } from "node:net";
import { after, before, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { startServer } from "../../host/server.js";

const MODULE = "/nara/pkg/light_nara_bg.wasm";

let server;
before(async () => (server = await startServer({ port: 0, listen: "127.0.0.1" })));
after(() => server?.close());

/** One request whose path is sent as it stands, which fetch would tidy up. */
function ask(path, { method = "GET", headers = {}, at = server.url } = {}) {
  const { hostname, port } = new URL(at);
  return new Promise((resolve, reject) => {
    request({ hostname, port, path, method, headers }, (response) => {
      const pieces = [];
      response.on("data", (piece) => pieces.push(piece));
      response.on("end", () => {
        const raw = Buffer.concat(pieces);
        resolve({ status: response.statusCode, headers: response.headers, raw, body: raw.toString("utf8") });
      });
    }).on("error", reject).end();
  });
}

for (const [path, type] of [
  ["/", "text/html; charset=utf-8"],
  ["/index.html", "text/html; charset=utf-8"],
  ["/nara/pkg/index.js", "text/javascript; charset=utf-8"],
  ["/nara/pkg/light_nara.js", "text/javascript; charset=utf-8"],
  ["/nara/pkg/light_nara_bg.wasm", "application/wasm"],
  ["/config.json", "application/json; charset=utf-8"],
  ["/favicon.ico", "image/svg+xml"],
]) {
  test(`${path} is served as ${type}`, async () => {
    const { status, headers } = await ask(path);
    assert.equal(status, 200);
    assert.equal(headers["content-type"], type);
    assert.equal(headers["x-content-type-options"], "nosniff");
  });
}

test("scripts come from the host alone, and WebAssembly may be compiled", async () => {
  const { headers } = await ask("/");
  const policy = headers["content-security-policy"];
  assert.match(policy, /(^|; )default-src 'self'(;|$)/);
  assert.match(policy, /(^|; )script-src 'self' 'wasm-unsafe-eval'(;|$)/);
  assert.match(policy, /(^|; )connect-src 'self' ws: wss:(;|$)/);
  assert.doesNotMatch(policy, /unsafe-inline|'unsafe-eval'|\*/);
});

test("files come packed as the browser asks for it, and else as they are", async () => {
  const plain = Buffer.from(await (await fetch(`${server.url}style.css`, { headers: { "Accept-Encoding": "identity" } })).arrayBuffer());
  for (const [accepted, encoding, unpack] of [
    ["gzip, deflate, br", "br", brotliDecompressSync],
    ["gzip;q=0.5", "gzip", gunzipSync],
    ["br;q=0, gzip", "gzip", gunzipSync],
    ["identity", undefined, (body) => body],
    ["", undefined, (body) => body],
  ]) {
    const { headers, raw } = await ask("/style.css", { headers: { "Accept-Encoding": accepted } });
    assert.equal(headers["content-encoding"], encoding, accepted);
    assert.equal(headers.vary, "Accept-Encoding");
    assert.equal(Number(headers["content-length"]), raw.length);
    assert.deepEqual(unpack(raw), plain);
  }
});

test("HEAD sends the headers alone", async () => {
  const { status, headers, body } = await ask("/", { method: "HEAD" });
  assert.equal(status, 200);
  assert.ok(Number(headers["content-length"]) > 0);
  assert.equal(body, "");
});

for (const path of [
  "/../package.json",
  "/..%2fpackage.json",
  "/%2e%2e/package.json",
  "/nara/../../package.json",
  "/..%5cpackage.json",
  "//etc/passwd",
  "/index.html%00.js",
  "/.hidden.js",
  "/nara",
  "/nara/",
  "/nowhere.html",
]) {
  test(`${path} is not found`, async () => {
    const { status, body } = await ask(path);
    assert.equal(status, 404);
    assert.equal(body, "there is nothing here\n");
  });
}

test("a path that cannot be decoded is refused", async () => {
  assert.equal((await ask("/%ff%")).status, 400);
});

for (const method of ["POST", "PUT", "DELETE", "OPTIONS"]) {
  test(`${method} is refused`, async () => {
    const { status, headers } = await ask("/", { method });
    assert.equal(status, 405);
    assert.equal(headers.allow, "GET, HEAD");
  });
}

test("the page is told of the plaza beside it", async () => {
  assert.deepEqual(JSON.parse((await ask("/config.json")).body), { plaza: null, gateway: null });
});

test("the page is told of another broker, and no plaza is kept", async (t) => {
  const other = await startServer({ port: 0, listen: "127.0.0.1", broker: "ws://127.0.0.1:9/mqtt" });
  t.after(() => other.close());
  assert.equal(other.plaza, "ws://127.0.0.1:9/mqtt");
  assert.deepEqual(JSON.parse((await ask("/config.json", { at: other.url })).body), { plaza: "ws://127.0.0.1:9/mqtt", gateway: "/mesh" });
  // The page loads ahead the one core that it will use.
  const ahead = async (at) => /rel="preload" href="\.\/nara\/pkg\/(\w+)\.wasm"/.exec((await ask("/", { at })).body)?.[1];
  assert.deepEqual([await ahead(server.url), await ahead(other.url)], ["light_nara_bg", "light_nara_full_bg"]);
  const headers = { Connection: "Upgrade", Upgrade: "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==", "Sec-WebSocket-Protocol": "mqtt" };
  assert.equal((await ask("/mqtt", { headers, at: other.url })).status, 404);
});

test("a gateway's addresses on loopback are for nobody whose broker is elsewhere, unless another gateway is named", async (t) => {
  for (const [gateway, expected] of [[null, null], ["wss://example.org/mesh", "wss://example.org/mesh"]]) {
    const other = await startServer({ port: 0, listen: "127.0.0.1", broker: "wss://example.org/mqtt", gateway });
    t.after(() => other.close());
    assert.deepEqual(JSON.parse((await ask("/config.json", { at: other.url })).body), { plaza: "wss://example.org/mqtt", gateway: expected });
  }
});

test("programs on this machine have the gateway, and nobody from elsewhere where the host does not need it", async (t) => {
  const other = await startServer({ port: 0, listen: "127.0.0.1", broker: "ws://127.0.0.1:9/mqtt" });
  t.after(() => other.close());
  const statusOf = (at, from) =>
    new Promise((resolve, reject) => {
      const { hostname, port } = new URL(at);
      const headers = { Connection: "Upgrade", Upgrade: "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==", ...(from && { "X-Forwarded-For": from }) };
      const asked = request({ hostname, port, path: "/mesh", headers }).on("error", reject).end();
      asked.on("response", ({ statusCode }) => resolve(statusCode)).on("upgrade", (_, socket) => resolve(socket.destroy() && 101));
    });
  assert.deepEqual(await Promise.all([statusOf(server.url), statusOf(server.url, "192.0.2.1"), statusOf(other.url, "192.0.2.1")]), [101, 404, 101]);
});

test("who asks for much and reads nothing is cut off within 30 s", { timeout: 90_000 }, async () => {
  const { hostname, port } = new URL(server.url);
  const { raw } = await ask(MODULE);
  const socket = connect(Number(port), hostname);
  const closed = new Promise((resolve) => socket.once("close", resolve));
  socket.on("error", () => {});
  socket.pause();
  socket.write(`GET ${MODULE} HTTP/1.1\r\nHost: here\r\n\r\n`.repeat(100));
  await setTimeout(40_000);
  let got = 0;
  socket.on("data", ({ length }) => (got += length));
  socket.resume();
  await closed;
  assert.ok(got > raw.length && got < 50 * raw.length, `${got} bytes`);
});
