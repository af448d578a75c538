// A peer that behaves on the wire as Go naras do: hey_there on the plaza, HTTP
// on loopback, 401 to strangers, 200 also for what it drops, the ack as a POST
// of its own before the 200, and pushes that come again and again.
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes, sign, verify } from "node:crypto";
import { createServer, request as httpRequest } from "node:http";
import mqtt from "mqtt";

const SPKI = Buffer.from("302a300506032b6570032100", "hex");

/** One such peer. With `older`, it knows the older HTTP interface of the stash and no messages. */
export class Gopher {
  constructor(name, { older = false } = {}) {
    this.older = older;
    const { privateKey, publicKey } = generateKeyPairSync("ed25519");
    this.name = name;
    this.id = `id${randomBytes(12).toString("hex")}`;
    this.privateKey = createPrivateKey(privateKey.export({ format: "pem", type: "pkcs8" }));
    this.key = publicKey.export({ format: "der", type: "spki" }).subarray(12).toString("base64");
    this.forget();
    this.answers = []; // [path, status] of each request
  }

  /** What a restart does to it. */
  forget() {
    this.peers = new Map(); // by name: { key, mesh, id, to }
    this.held = new Map(); // by owner id
    this.acks = [];
    this.responses = [];
    this.howdies = [];
  }

  async start(plaza) {
    this.server = createServer((request, response) => this.serve(request, response));
    await new Promise((resolve) => this.server.listen(0, "127.0.0.1", resolve));
    this.mesh = `127.0.0.1:${this.server.address().port}`;
    this.client = await mqtt.connectAsync(plaza, { clientId: this.name, reconnectPeriod: 0 });
    this.client.on("message", (topic, bytes) => this.hear(topic, JSON.parse(bytes)));
    await this.client.subscribeAsync(["nara/plaza/hey_there", "nara/plaza/howdy", "nara/newspaper/+"]);
    this.greet();
    this.announce();
  }

  async stop() {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
    await this.client.endAsync(true);
  }

  sign(text) {
    return sign(null, Buffer.from(text), this.privateKey).toString("base64");
  }

  greet() {
    if (Date.now() - (this.greeted ?? 0) < 5_000) return;
    this.greeted = Date.now();
    const ts = String(BigInt(Date.now()) * 1_000_000n);
    const content = `hey_there:${this.name}:${this.key}:${this.mesh}`;
    const id = createHash("sha256").update(`${ts}:hey-there:${content}`).digest("hex").slice(0, 32);
    const hash = createHash("sha256").update(`${id}:${ts}:hey-there:${this.name}:${content}`).digest();
    const body = JSON.stringify({ From: this.name, PublicKey: this.key, MeshIP: this.mesh, ID: this.id, Signature: "" });
    this.client.publish("nara/plaza/hey_there", `{"id":"${id}","ts":${ts},"svc":"hey-there","emitter":"${this.name}","sig":"${this.sign(hash)}","hey_there":${body}}`);
  }

  hear(topic, said) {
    const name = topic.endsWith("hey_there") ? said.hey_there.From : said.From;
    if (name === this.name) return;
    if (topic.endsWith("hey_there")) this.hearHello(said.hey_there);
    else if (topic.endsWith("howdy")) {
      this.howdies.push(said);
      this.meet(name, said.Me);
    } else {
      // A stranger's newspaper is answered with a greeting, and nothing else is.
      if (!this.peers.has(name)) this.greet();
      this.meet(name, said.Status);
    }
  }

  /** Whoever is known by a howdy or a newspaper is believed, but only of a greeting is the id kept to store with. */
  meet(name, { PublicKey: key, MeshIP: mesh, ID: id }) {
    this.peers.set(name, { key, mesh, id, to: this.peers.get(name)?.to ?? "" });
  }

  hearHello({ From: name, PublicKey: key, MeshIP: mesh, ID: id }) {
    this.peers.set(name, { key, mesh, id, to: id });
    // It may have been told to forget meanwhile.
    const push = () => this.held.has(id) && this.push(name, id).catch(() => {});
    if (this.held.has(id)) setTimeout(push, 100 + 500 * Math.random());
    setTimeout(() => this.howdy(name), 3_000 * Math.random());
  }

  howdy(to) {
    if (!this.client.connected) return;
    const Me = { ...this.status(), Observations: { [this.name]: { online: "ONLINE" } } };
    const howdy = { From: this.name, To: to, Seq: 1, You: {}, Neighbors: [], Me, Signature: this.sign(`howdy:${this.name}:${to}:1`) };
    this.client.publish("nara/plaza/howdy", JSON.stringify(howdy));
  }

  announce() {
    const Status = { ...this.status(), Observations: null };
    const newspaper = { From: this.name, Status, Signature: this.sign(JSON.stringify(Status)) };
    this.client.publish(`nara/newspaper/${this.name}`, JSON.stringify(newspaper));
  }

  status() {
    return { Version: "0.2.0", PublicKey: this.key, ID: this.id, MeshEnabled: true, MeshIP: this.mesh, memory_mode: "medium" };
  }

  push(name, id) {
    const { nonce, ciphertext } = this.held.get(id);
    if (this.older) return this.postOlder(name, "/stash/push", { to: name, stash: { owner: name, nonce, ciphertext } });
    return this.send(name, "stash:response", { owner_id: id, found: true, nonce, ciphertext, stored_at: Math.floor(Date.now() / 1000) }, {});
  }

  async store(name, sealed) {
    if (!this.peers.get(name).to) throw new Error("mesh-only message has no target");
    return this.send(name, "stash:store", { owner_id: this.id, owner: this.name, ...sealed, ts: Math.floor(Date.now() / 1000) }, {});
  }

  async send(name, kind, payload, extra) {
    const { id: to_id, mesh } = this.peers.get(name);
    const timestamp = new Date().toISOString().replace(/\.?0+Z$/, "Z");
    const signed = JSON.stringify({ id: randomBytes(8).toString("hex"), kind, from_id: this.id, to_id, timestamp, payload });
    const message = JSON.stringify({ ...JSON.parse(signed), version: 1, from: this.name, signature: this.sign(signed), ...extra });
    return this.post(mesh, "/mesh/message", message);
  }

  /** Asks by the older interface; returns what was answered. */
  async postOlder(name, path, body, method = "POST") {
    const answer = await this.post(this.peers.get(name).mesh, path, JSON.stringify(body), method);
    return answer.status === 200 ? JSON.parse(answer.body) : answer.status;
  }

  post(mesh, path, body, method = "POST") {
    const [host, port] = mesh.split(":");
    const at = String(Date.now());
    const headers = { "X-Nara-Name": this.name, "X-Nara-Timestamp": at, "X-Nara-Signature": this.sign(this.name + at + method + path) };
    return new Promise((resolve, reject) => {
      const request = httpRequest({ host, port, path, method, headers }, async (response) => {
        const pieces = await response.toArray();
        resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(pieces) });
      });
      request.on("error", reject).end(body);
    });
  }

  async serve(request, response) {
    const body = Buffer.concat(await request.toArray());
    const { "x-nara-name": name = "", "x-nara-timestamp": at = "", "x-nara-signature": sig = "" } = request.headers;
    const peer = this.peers.get(name);
    const end = (status, text, headers = {}) => {
      this.answers.push([request.url, status]);
      response.writeHead(status, { "Content-Length": Buffer.byteLength(text), ...headers }).end(text);
    };
    const text = name + at + request.method + request.url;
    if (!peer || !isSigned(text, peer.key, sig)) return end(401, `Authentication failed: unknown sender: ${name}\n`);
    let answer = "";
    if (request.url === "/events/sync") answer = JSON.stringify({ from: this.name, events: [] });
    else if (this.older && request.url.startsWith("/stash/")) answer = JSON.stringify(this.takeOlder(name, `${request.method} ${request.url}`, body));
    else if (this.older) return end(404, "404 page not found\n");
    else if (request.url === "/mesh/message") await this.take(name, JSON.parse(body)).catch(() => {});
    else return end(404, "");
    const now = String(Date.now());
    const hash = createHash("sha256").update(answer).digest("base64");
    end(200, answer, { "X-Nara-Name": this.name, "X-Nara-Timestamp": now, "X-Nara-Signature": this.sign(this.name + now + hash) });
  }

  takeOlder(name, what, body) {
    const { id } = this.peers.get(name);
    if (what === "DELETE /stash/store") return { deleted: this.held.delete(id) };
    if (what === "POST /stash/retrieve") {
      const stash = this.held.get(id);
      return stash ? { found: true, stash } : { found: false };
    }
    const { stash } = JSON.parse(body);
    if (what === "POST /stash/push") this.responses.push(stash);
    else if (stash.owner !== name) return { accepted: false, reason: "not_the_owner" };
    else this.held.set(id, stash);
    return { accepted: true };
  }

  async take(name, { id, kind, from_id, to_id, timestamp, payload, signature }) {
    const signed = JSON.stringify({ id, kind, from_id, to_id, timestamp, payload });
    if (!isSigned(signed, this.peers.get(name).key, signature)) return;
    const extra = { to: name, in_reply_to: id };
    if (kind === "stash:store") {
      this.held.set(payload.owner_id, payload);
      await this.send(name, "stash:ack", { owner_id: payload.owner_id, stored_at: Math.floor(Date.now() / 1000), success: true }, extra);
    } else if (kind === "stash:request") {
      const held = this.held.get(payload.owner_id);
      const found = held ? { found: true, nonce: held.nonce, ciphertext: held.ciphertext, stored_at: held.ts } : { found: false };
      await this.send(name, "stash:response", { owner_id: payload.owner_id, request_id: payload.request_id, ...found }, extra);
    } else if (kind === "stash:ack") this.acks.push(payload);
    else if (kind === "stash:response") this.responses.push(payload);
  }
}

function isSigned(text, key, signature) {
  const publicKey = createPublicKey({ key: Buffer.concat([SPKI, Buffer.from(key, "base64")]), format: "der", type: "spki" });
  return verify(null, Buffer.from(text), publicKey, Buffer.from(signature, "base64"));
}
