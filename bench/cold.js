// How long it takes from nothing to the first signature, each time in an engine that has compiled nothing yet.

const SEED = new Uint8Array(32).fill(7);

/** Ours: the module's bytes are in hand, the first signed greeting goes out. */
export async function coldWake({ bytes, entry, soul, name }) {
  const greeted = new Promise((resolve) => (globalThis.WebSocket = plazaThat(resolve)));
  const began = performance.now();
  const { init, Nara } = await import(entry);
  await init(bytes);
  const nara = await Nara.wake({ plaza: "ws://127.0.0.1:9/", soul, name });
  const greeting = new TextDecoder().decode(await greeted);
  const took = performance.now() - began;
  if (!greeting.includes("nara/plaza/hey_there") || !greeting.includes(nara.id)) throw new Error("that was no greeting");
  nara.sleep();
  return took;
}

/** Theirs: libsodium.js is loaded, ready, and signs. */
export async function coldSodium({ entry }) {
  const began = performance.now();
  const module = await import(entry);
  const sodium = module.default ?? module;
  await sodium.ready;
  const { privateKey } = sodium.crypto_sign_seed_keypair(SEED);
  const signature = sodium.crypto_sign_detached(new Uint8Array(300), privateKey);
  const took = performance.now() - began;
  if (signature.length !== 64) throw new Error("that was no signature");
  return took;
}

/** A WebSocket whose broker says yes to everything and passes on the first PUBLISH. */
function plazaThat(published) {
  return class {
    constructor() {
      queueMicrotask(() => this.onopen?.({}));
    }
    send(frame) {
      for (const [kind, body] of packetsOf(frame)) {
        const answer = { 1: [0x20, 2, 0, 0], 8: suback(body) }[kind];
        if (kind === 3) published(body.slice());
        if (answer) queueMicrotask(() => this.onmessage?.({ data: Uint8Array.from(answer).buffer }));
      }
    }
    close() {}
  };
}

function* packetsOf(frame) {
  for (let at = 0; at < frame.length; ) {
    const kind = frame[at] >> 4;
    let length = 0;
    let shift = 0;
    do length += (frame[++at] & 0x7f) << shift, shift += 7;
    while (frame[at] >= 0x80);
    at += 1;
    yield [kind, frame.subarray(at, (at += length))];
  }
}

/** Behind a packet id, each topic filter is a length, a text and a QoS. */
function suback(body) {
  let topics = 0;
  for (let at = 2; at < body.length; topics++) at += 3 + body[at] * 256 + body[at + 1];
  return [0x90, 2 + topics, 0, 1, ...new Array(topics).fill(0)];
}
