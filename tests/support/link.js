// A nara's end of the mesh link, without a nara: frames as docs/protocol.md has them.
import { createHash, generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { WebSocket } from "ws";

/** A key pair, with what it signs on the mesh. */
export class Signer {
  constructor(name) {
    const { privateKey, publicKey } = generateKeyPairSync("ed25519");
    this.name = name;
    this.privateKey = privateKey;
    this.key = publicKey.export({ format: "der", type: "spki" }).subarray(12).toString("base64");
  }

  sign(text) {
    return sign(null, Buffer.from(text), this.privateKey).toString("base64");
  }

  /** The signed hey_there that announces an address. */
  hello(mesh) {
    const ts = `${Date.now()}000000`;
    const content = `hey_there:${this.name}:${this.key}:${mesh}`;
    const id = createHash("sha256").update(`${ts}:hey-there:${content}`).digest("hex").slice(0, 32);
    const sig = this.sign(createHash("sha256").update(`${id}:${ts}:hey-there:${this.name}:${content}`).digest());
    const hey = JSON.stringify({ From: this.name, PublicKey: this.key, MeshIP: mesh, ID: "some-id", Signature: "" });
    return `{"id":"${id}","ts":${ts},"svc":"hey-there","emitter":"${this.name}","sig":"${sig}","hey_there":${hey}}`;
  }

  /** The signed newspaper that announces an address, as it goes to a gateway. */
  newspaper(mesh) {
    const status = JSON.stringify({ PublicKey: this.key, ID: "some-id", MeshIP: mesh });
    return JSON.stringify({ svc: "newspaper", sig: this.sign(status), status });
  }
}

/** One WebSocket to a gateway. */
export class RawLink {
  #waiting = [];

  constructor(url, options = {}) {
    this.url = url;
    this.socket = new WebSocket(url, options);
    this.frames = [];
    this.next = 0;
    this.closed = new Promise((resolve) => this.socket.on("close", resolve));
    this.socket.on("error", () => {});
    this.socket.on("message", (data) => {
      const end = data.indexOf(10);
      this.frames.push({ ...JSON.parse(data.subarray(0, end).toString()), body: data.subarray(end + 1) });
      for (const look of this.#waiting.splice(0)) look();
    });
  }

  send(head, body = Buffer.alloc(0)) {
    this.socket.send(Buffer.concat([Buffer.from(`${JSON.stringify({ n: 0, ...head })}\n`), body]));
  }

  /** The first frame like this, taken out; null once the link is closed. */
  async frame(like) {
    for (;;) {
      const at = this.frames.findIndex((frame) => Object.entries(like).every(([key, value]) => frame[key] === value));
      if (at >= 0) return this.frames.splice(at, 1)[0];
      if (this.socket.readyState === WebSocket.CLOSED) return null;
      await Promise.race([new Promise((resolve) => this.#waiting.push(resolve)), this.closed]);
    }
  }

  /** Attaches; returns the address. `change` spoils what is signed. */
  async attach(signer, change = {}) {
    const challenge = await this.frame({ t: "challenge" });
    const { origin, nonce: theirs, key } = { origin: new URL(this.url).origin, nonce: challenge.nonce, key: signer.key, ...change };
    const nonce = randomBytes(12).toString("hex");
    const sig = change.sig ?? signer.sign(["nara:attach:v1", origin, theirs, nonce, signer.key].join("\n"));
    this.send({ t: "attach", nonce, key, sig });
    return (await this.frame({ t: "attached" }))?.address ?? null;
  }

  /** Asks for a request to be performed; returns the answer's frame. */
  async ask(proof, { method = "POST", path = "/mesh/message", body = Buffer.from("{}"), ...rest } = {}) {
    const n = (this.next += 1);
    this.send({ t: "request", n, method, path, proof, name: "x", at: "1", sig: "x", ...rest }, body);
    return this.frame({ t: "answer", n });
  }

  async close() {
    this.socket.close();
    await this.closed;
  }
}

/** An HTTP server of the mesh that a test serves; returns `{ mesh, hits, close }`. */
export async function serveMesh(serve) {
  const hits = [];
  const server = createServer((request, response) => {
    hits.push(`${request.method} ${request.url}`);
    serve(request, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    mesh: `127.0.0.1:${server.address().port}`,
    hits,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
