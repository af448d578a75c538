// The gateway of the mesh: tunnels HTTP between naras through WebSockets.
//
// It gives each attached nara an address of its own, hands it every request
// that arrives there, and performs the requests that it asks for. It holds no
// nara's key: what it changes, repeats or invents fails the naras' own checks.
// Frames: docs/protocol.md, "Mesh link".
import { createHash, createPublicKey, randomBytes, verify } from "node:crypto";
import { once } from "node:events";
import { createServer, request as httpRequest } from "node:http";
import { BlockList, isIPv4, isIPv6 } from "node:net";
import { WebSocketServer } from "ws";
import { refuseUpgrade } from "./upgrade.js";

/** The longest body, either way. */
export const BODY_SIZE_MAX = 65_536;
/** Naras that may be attached at once. */
export const NARAS_MAX = 500;
/** Requests in flight for one nara, either way. */
export const IN_FLIGHT_MAX = 64;
/** Links from one address elsewhere at once. */
export const LINKS_MAX = 64;
/** Addresses that are kept for their keys, those of naras that left included. */
export const PLACES_MAX = 2_000;
/** How long is waited, in milliseconds: for a nara that attaches, for its answers, for those of others; and how long an address rests for its key. */
export const TIMES = { attach: 10_000, answer: 5_000, dial: 5_000, rest: 24 * 3_600_000 };

/**
 * Opens a gateway. `address` is what naras are given an address on, `networks`
 * where they may ask, `origins` which pages may attach beside those of the
 * gateway's own host; `times` are its patience, in milliseconds, and `places`
 * is how many addresses it keeps.
 */
export function openGateway({ address = "127.0.0.1", networks = NETWORKS, origins = [], times = {}, places: placesMax = PLACES_MAX } = {}) {
  const gateway = {
    address,
    allowed: blockListOf(networks),
    placesMax,
    places: new Map(), // by key: { owner, server, address, link, timer, since, lived, budget }
    reserved: new Map(), // ports of places that were let go, and until when nobody else gets them
    links: new Map(), // how many there are, by where they come from
    newcomers: new Map(), // budgets for keys that are new here, by where they come from
    times: { ...TIMES, ...times },
  };
  const { places } = gateway;
  const sockets = new WebSocketServer({ noServer: true, maxPayload: BODY_SIZE_MAX + HEAD_SIZE_MAX, perMessageDeflate: false });
  return {
    /** Takes a WebSocket that a nara wants to attach through, or refuses it. */
    welcome(request, socket, head) {
      if (!isWelcome(request, origins)) return refuseUpgrade(socket, 403, "this page or this name may not use the gateway");
      const source = sourceOf(request);
      const isFull = sockets.clients.size >= NARAS_MAX || (source !== null && (gateway.links.get(source) ?? 0) >= LINKS_MAX);
      if (isFull) return refuseUpgrade(socket, 503, "the gateway is full");
      sockets.handleUpgrade(request, socket, head, (webSocket) => new Link(webSocket, request.headers.host, source, gateway));
    },
    async close() {
      for (const socket of sockets.clients) socket.terminate();
      for (const place of places.values()) {
        clearTimeout(place.timer);
        place.server.closeAllConnections();
        place.server.close();
      }
      places.clear();
    },
  };
}

/** One nara's WebSocket. */
class Link {
  constructor(socket, host, source, gateway) {
    this.socket = socket;
    this.host = host;
    this.source = source;
    this.gateway = gateway;
    this.budget = budgetOf(REQUESTS);
    gateway.links.set(source, (gateway.links.get(source) ?? 0) + 1);
    this.nonce = randomBytes(16).toString("hex");
    this.place = null;
    this.asked = new Map(); // requests that came from the mesh, by number
    this.next = 0;
    this.dialling = 0;
    this.isAlive = true;
    socket.on("error", () => {});
    socket.on("message", (data) => this.hear(data));
    socket.on("pong", () => (this.isAlive = true));
    // Each is answered by itself, whether or not anybody reads that.
    socket.on("ping", () => this.isDrained());
    socket.on("close", () => this.leave());
    this.deadline = setTimeout(() => socket.close(1008, "nobody attached in time"), gateway.times.attach);
    this.pulse = setInterval(() => {
      if (!this.isAlive) return socket.terminate();
      this.isAlive = false;
      socket.ping();
      // A page sees no pings, and is to notice a gateway that is gone.
      this.send({ t: "pulse" });
    }, PULSE_MS);
    this.send({ t: "challenge", nonce: this.nonce });
  }

  /** Whether it reads what it is sent; cut off if not. */
  isDrained() {
    if (this.socket.bufferedAmount <= BUFFERED_MAX) return true;
    this.socket.terminate();
    return false;
  }

  send(head, body = Buffer.alloc(0)) {
    if (this.socket.readyState !== this.socket.OPEN || !this.isDrained()) return;
    this.socket.send(Buffer.concat([Buffer.from(`${JSON.stringify({ n: 0, ...head })}\n`), body]));
  }

  hear(data) {
    const frame = frameOf(Buffer.from(data));
    if (frame === null) return this.socket.close(1007, "this is no frame");
    const { head, body } = frame;
    if (this.place === null) {
      if (head.t === "attach" && !this.attaching) {
        this.attaching = true;
        this.attach(head).catch(() => this.socket.close(1011, "there is no address to give"));
      }
    } else if (head.t === "pulse") this.send({ t: "pulse" });
    else if (head.t === "request") this.dial(head, body);
    else if (head.t === "answer") this.asked.get(head.n)?.(head, body);
  }

  async attach({ key, nonce, sig }) {
    const { host } = this;
    const { places } = this.gateway;
    const texts = ["ws", "wss"].map((scheme) => ["nara:attach:v1", `${scheme}://${host}`, this.nonce, nonce, key].join("\n"));
    if (!isNonce(nonce) || !texts.some((text) => isSigned(Buffer.from(text), key, sig))) {
      return this.socket.close(1008, "the signature does not fit");
    }
    clearTimeout(this.deadline);
    // However the key was spelled, it has one place.
    const owner = Buffer.from(key, "base64").toString("hex");
    if (!places.has(owner)) {
      if (!this.mayBeNew() || !makeRoom(this.gateway)) return this.socket.close(1013, "the gateway is full");
      const opened = { owner, link: null, lived: 0, budget: budgetOf(REQUESTS) };
      opened.isOpen = openPlace(opened, this.gateway);
      places.set(owner, opened);
      opened.isOpen.catch(() => places.delete(owner));
    }
    const place = places.get(owner);
    await place.isOpen;
    if (this.socket.readyState !== this.socket.OPEN) {
      if (place.link === null) this.rest(owner, place);
      return;
    }
    clearTimeout(place.timer);
    place.link?.socket.close(4001, "this nara attached again");
    place.link = this;
    place.since = performance.now();
    this.owner = owner;
    this.place = place;
    this.send({ t: "attached", address: place.address });
  }

  /** Whether one more key may come from where this link does; from this machine itself any number. */
  mayBeNew() {
    const { source } = this;
    const { newcomers } = this.gateway;
    if (source === null) return true;
    if (!newcomers.has(source)) {
      // Of a flood of addresses the last goes first.
      if (newcomers.size >= SOURCES_MAX) newcomers.delete([...newcomers.keys()].at(-1));
      newcomers.set(source, budgetOf(NEWCOMERS));
    }
    return newcomers.get(source)();
  }

  leave() {
    const { links } = this.gateway;
    const left = links.get(this.source) - 1;
    if (left > 0) links.set(this.source, left);
    else links.delete(this.source);
    clearTimeout(this.deadline);
    clearInterval(this.pulse);
    for (const end of this.asked.values()) end({ status: 502 }, Buffer.alloc(0));
    if (this.place?.link === this) {
      this.place.link = null;
      this.place.lived += performance.now() - this.place.since;
      this.rest(this.owner, this.place);
    }
  }

  /** The address goes to nobody else until it has rested. */
  rest(owner, place) {
    clearTimeout(place.timer);
    place.timer = setTimeout(() => {
      this.gateway.places.delete(owner);
      place.server.close();
    }, this.gateway.times.rest).unref();
  }

  /** Hands a request of the mesh to the nara, and its answer back. */
  ask(request, response, body) {
    if (this.asked.size >= IN_FLIGHT_MAX || !this.place.budget()) return refuse(response, 503);
    const path = pathOf(request.url);
    if (path === null || path.length > PATH_MAX) return refuse(response, 400);
    const n = (this.next = (this.next + 1) % 0x1_0000_0000);
    const end = (head, answer) => {
      clearTimeout(timer);
      this.asked.delete(n);
      if (response.destroyed) return;
      if (!STATUS.has(head.status)) return refuse(response, 502);
      const type = head.status === 200 ? "application/json; charset=utf-8" : "text/plain; charset=utf-8";
      try {
        // A connection that was kept could be closed just as the next request comes, which Go naras do not make again.
        response.writeHead(head.status, { ...headersOf(head), "Content-Type": type, "Content-Length": answer.length, Connection: "close" });
      } catch {
        return refuse(response, 502); // a header that cannot be one
      }
      response.end(answer);
    };
    const timer = setTimeout(() => end({ status: 504 }, Buffer.alloc(0)), this.gateway.times.answer);
    this.asked.set(n, end);
    const text = (name) => String(request.headers[name] ?? "").slice(0, HEADER_MAX);
    // Node gives header bytes as Latin-1; names are UTF-8.
    const name = Buffer.from(text("x-nara-name"), "latin1").toString();
    const auth = { name, at: text("x-nara-timestamp"), sig: text("x-nara-signature") };
    this.send({ t: "request", n, method: request.method, path, ...auth }, body);
  }

  /** Performs a request towards the address in a signed hey_there or newspaper. */
  dial({ n, method, path, name, at, sig, proof }, body) {
    const fail = (why) => this.send({ t: "answer", n, status: 0, why });
    if (!Number.isInteger(n)) return;
    if (![method, path, name, at, sig, proof].every(isTextOrNone)) return fail("this is no request");
    if (!ALLOWED.has(`${method} ${path}`)) return fail("this path is not performed");
    if (this.dialling >= IN_FLIGHT_MAX || !this.budget()) return fail("too many requests are in flight");
    // JSON as naras write it has none; other protocols would read each line as a command.
    if (body.includes(10) || body.includes(13)) return fail("the body has line breaks");
    const target = targetOf(proof);
    if (target === null) return fail("nothing signed announces an address");
    if (!this.gateway.allowed.check(target.host, "ipv4")) return fail("this network is not allowed");
    if (target.port < PORT_MIN) return fail("this port is not a nara's");
    this.dialling += 1;
    let isDone = false;
    const done = (head, answer) => {
      if (isDone) return;
      isDone = true;
      clearTimeout(timer);
      this.dialling -= 1;
      this.send({ t: "answer", n, ...head }, answer);
    };
    const headers = { "Content-Type": "application/json", "Content-Length": body.length, ...headersOf({ name, at, sig }) };
    let outgoing;
    const giveUp = (why) => {
      outgoing?.destroy();
      done({ status: 0, why });
    };
    const timer = setTimeout(() => giveUp("no answer in time"), this.gateway.times.dial);
    try {
      // Redirects are answers like any other: node:http follows none.
      outgoing = httpRequest({ ...target, method, path, headers, agent: false, maxHeaderSize: HEAD_SIZE_MAX });
    } catch {
      return done({ status: 0, why: "the request cannot be made" });
    }
    outgoing.on("error", (error) => done({ status: 0, why: error.code ?? error.message }));
    // Without a listener it would end without a word.
    outgoing.on("upgrade", (_, socket) => {
      socket.destroy();
      giveUp("it answers with another protocol");
    });
    outgoing.on("response", (response) => {
      collect(response).then(
        (answer) => {
          const text = (key) => String(response.headers[key] ?? "").slice(0, HEADER_MAX);
          const from = Buffer.from(text("x-nara-name"), "latin1").toString();
          done({ status: response.statusCode, name: from, at: text("x-nara-timestamp"), sig: text("x-nara-signature") }, answer);
        },
        (error) => done({ status: 0, why: error.message }),
      );
    });
    outgoing.end(body);
  }
}

/**
 * Whether there is room for one more place. Of those whose naras left the
 * shortest lived goes first, so that no flood of keys pushes out who was here
 * for long; its port is given to nobody else until it has rested.
 */
function makeRoom({ places, placesMax, reserved, times }) {
  if (places.size < placesMax) return true;
  const resting = [...places.values()].filter(({ link, server }) => link === null && server?.listening);
  if (resting.length === 0) return false;
  const least = resting.reduce((one, other) => (other.lived < one.lived ? other : one));
  clearTimeout(least.timer);
  const { port } = least.server.address();
  least.server.close();
  places.delete(least.owner);
  const now = performance.now();
  for (const [other, until] of reserved) if (until <= now || reserved.size >= RESERVED_MAX) reserved.delete(other);
  reserved.set(port, now + times.rest);
  return true;
}

/** A listener of its own for one nara. */
async function openPlace(place, { address, times, reserved }) {
  const server = createServer((request, response) => {
    collect(request).then(
      (body) => (place.link === null ? refuse(response, 503) : place.link.ask(request, response, body)),
      () => refuse(response, 413),
    );
  });
  // Whoever neither sends nor reads is cut off.
  Object.assign(server, { timeout: 2 * times.answer, requestTimeout: times.answer, headersTimeout: times.answer, connectionsCheckingInterval: times.answer, maxConnections: CONNECTIONS_MAX });
  place.server = server;
  server.on("error", () => {});
  for (let tries = 1; ; tries += 1) {
    server.listen(0, address);
    await once(server, "listening");
    if (!(reserved.get(server.address().port) > performance.now())) break;
    await new Promise((resolve) => server.close(resolve));
    if (tries >= TRIES_MAX) throw new Error("every free port rests");
  }
  place.address = `${address}:${server.address().port}`;
}

/** Which address a signed hey_there or newspaper announces; null where none does. */
function targetOf(text) {
  try {
    const proof = JSON.parse(text);
    const { PublicKey: key, MeshIP: address } = proof.svc === "newspaper" ? JSON.parse(proof.status) : proof.hey_there;
    const signed = proof.svc === "newspaper" ? Buffer.from(proof.status) : helloHash(proof, text);
    if (!isSigned(signed, key, proof.sig)) return null;
    const [host, port = String(PORT)] = address.split(":");
    const number = /^\d{1,5}$/.test(port) ? Number(port) : 0;
    return isIPv4(host) && number > 0 && number < 65_536 ? { host, port: number } : null;
  } catch {
    return null;
  }
}

/** What the signature of a hey_there covers. */
function helloHash({ id, svc, emitter, hey_there: hey }, text) {
  if (svc !== "hey-there") throw new Error("this is no hey_there");
  // Nanoseconds do not fit a number of JavaScript, so the digits count.
  const ts = /^\{"id":"[^"\\]*","ts":(-?\d+),/.exec(text)[1];
  const content = `hey_there:${hey.From}:${hey.PublicKey}:${hey.MeshIP}`;
  return createHash("sha256").update(`${id}:${ts}:${svc}:${emitter}:${content}`).digest();
}

function isSigned(text, key, signature) {
  try {
    const raw = Buffer.from(key, "base64");
    if (raw.length !== 32) return false;
    const publicKey = createPublicKey({ key: Buffer.concat([SPKI, raw]), format: "der", type: "spki" });
    return verify(null, text, publicKey, Buffer.from(signature, "base64"));
  } catch {
    return false;
  }
}

function frameOf(bytes) {
  const end = bytes.subarray(0, HEAD_SIZE_MAX).indexOf(10);
  if (end < 0 || bytes.length - end - 1 > BODY_SIZE_MAX) return null;
  try {
    const head = JSON.parse(bytes.subarray(0, end).toString());
    return typeof head === "object" && head !== null ? { head, body: bytes.subarray(end + 1) } : null;
  } catch {
    return null;
  }
}

async function collect(stream) {
  const pieces = [];
  let size = 0;
  for await (const piece of stream) {
    size += piece.length;
    if (size > BODY_SIZE_MAX) throw new Error("the body is too long");
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

function headersOf({ name, at, sig }) {
  if (!name || !at || !sig) return {};
  return {
    "X-Nara-Name": Buffer.from(String(name)).toString("latin1"),
    "X-Nara-Timestamp": String(at),
    "X-Nara-Signature": String(sig),
  };
}

function pathOf(url) {
  try {
    return decodeURIComponent(url.split(/[?#]/, 1)[0]);
  } catch {
    return null;
  }
}

/** A page of another site must not use a gateway that runs beside its visitor. */
function isWelcome({ headers }, origins) {
  const { origin, host } = headers;
  if (host === undefined) return false;
  const name = URL.canParse(`http://${host}`) ? new URL(`http://${host}`).hostname : "";
  const isOurs = isIPv4(name) || name === "localhost" || name === "[::1]" || origins.some((one) => new URL(one).hostname === name);
  if (!isOurs) return false; // a name that was made to point here
  if (origin === undefined) return true; // no browser
  return origins.includes(origin) || (URL.canParse(origin) && new URL(origin).host === host);
}

/**
 * Where a link comes from: an address elsewhere, as this gateway or a proxy on
 * this machine sees it, an IPv6 one by its network; null for this machine.
 */
export function sourceOf({ headers, socket }) {
  const plain = (address) => String(address ?? "").trim().replace(/^::ffff:/, "").slice(0, SOURCE_MAX);
  const isHere = (address) => address === "::1" || address.startsWith("127.");
  let source = plain(socket.remoteAddress);
  const forwarded = headers["x-forwarded-for"];
  // A proxy appends whom it saw; what stands before that it was only told.
  if (isHere(source) && forwarded !== undefined) source = plain(forwarded.split(",").at(-1));
  if (isHere(source)) return null;
  return isIPv6(source) ? source.split("::")[0].split(":").slice(0, 4).join(":") : source;
}

/** A budget: `burst` at once, and `perSecond` again. Returns a function that takes one and says whether there was one. */
function budgetOf({ burst, perSecond }) {
  let left = burst;
  let at = performance.now();
  return () => {
    const now = performance.now();
    left = Math.min(burst, left + ((now - at) * perSecond) / 1_000);
    at = now;
    if (left < 1) return false;
    left -= 1;
    return true;
  };
}

function isTextOrNone(value) {
  return value === undefined || typeof value === "string";
}

function isNonce(nonce) {
  return typeof nonce === "string" && /^\w{16,64}$/.test(nonce);
}

function blockListOf(networks) {
  const list = new BlockList();
  for (const network of networks) {
    const [address, prefix] = network.split("/");
    list.addSubnet(address, Number(prefix), "ipv4");
  }
  return list;
}

function refuse(response, status) {
  if (response.headersSent) return response.destroy();
  response.writeHead(status, { "Content-Length": 0, Connection: "close" });
  response.end();
}

/** Where naras may ask unless the gateway is told otherwise: loopback and tailnets. */
export const NETWORKS = ["127.0.0.0/8", "100.64.0.0/10"];

const PORT = 7433;
const PORT_MIN = 1_024; // below are the services of machines
const PATH_MAX = 1_024;
const HEAD_SIZE_MAX = 8_192;
const HEADER_MAX = 512;
const RESERVED_MAX = 16_384;
const SOURCES_MAX = 4_096;
const SOURCE_MAX = 64;
const TRIES_MAX = 64;
// Requests of one nara, either way, and keys that are new from one address.
const REQUESTS = { burst: 256, perSecond: 64 };
const NEWCOMERS = { burst: 64, perSecond: 1 / 60 };
const CONNECTIONS_MAX = 2 * IN_FLIGHT_MAX;
const BUFFERED_MAX = 4_194_304;
const PULSE_MS = 30_000;
const STATUS = new Set([200, 400, 401, 404, 502, 503, 504]);
const ALLOWED = new Set(["POST /mesh/message", "POST /events/sync", "POST /stash/store", "DELETE /stash/store", "POST /stash/retrieve", "POST /stash/push"]);
// What comes before a raw Ed25519 key in its SubjectPublicKeyInfo (RFC 8410).
const SPKI = Buffer.from("302a300506032b6570032100", "hex");
