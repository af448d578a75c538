// What a developer would put together otherwise: a store is made and taken with libraries alone.

const SEALED_SIZE = 10_240;
const TAG_SIZE = 16;
const PUBLISH = 0x30;
const FLAG_EXTRA = 4;
const GZIP_HEADER = 10;

/**
 * `crypto` has `seal(key, nonce, plaintext)`, `sign(secret, text)`, `verify(key, text, signature)`,
 * all on bytes; `gzip(bytes)` compresses; `me` has `{ id, name, seal, secret, key }`.
 */
export function rival({ crypto, gzip, me }) {
  const publicKey = toBase64(me.key);

  /** The same work as ours: envelope, gzip, padding to one length, seal, signature, frame. */
  function makeStore(to, json, nonce, seconds) {
    const envelope = JSON.stringify({ timestamp: seconds, data: JSON.parse(json), version: 1, revision: 1 });
    const ciphertext = crypto.seal(me.seal, nonce, padded(gzip(bytesOf(envelope))));
    const payload = { owner_id: me.id, owner: me.name, nonce: toBase64(nonce), ciphertext: toBase64(ciphertext), ts: seconds };
    return frameOf(`nara/mesh/${to}`, signed("stash:store", to, seconds, payload));
  }

  function signed(kind, to, seconds, payload, in_reply_to) {
    const timestamp = new Date(seconds * 1000).toISOString().replace(".000", "");
    const id = randomId();
    const text = JSON.stringify({ id, kind, from_id: me.id, to_id: to, timestamp, payload });
    const signature = toBase64(crypto.sign(me.secret, bytesOf(text)));
    return JSON.stringify({ id, kind, version: 1, from: me.name, from_id: me.id, to_id: to, timestamp, payload, signature, in_reply_to, from_key: publicKey });
  }

  /** One that holds stashes: what it takes from strangers it checks, holds and acknowledges. */
  function taker() {
    const held = new Map();
    const seen = new Set();
    return {
      held,
      take(frame, seconds) {
        const { payload: bytes } = published(frame);
        const message = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
        const { id, kind, from_id, to_id, timestamp, payload, signature, from_key } = message;
        if (kind !== "stash:store" || to_id !== me.id || seen.has(id)) throw new Error("not for me");
        if (Math.abs(Date.parse(timestamp) - seconds * 1000) > 30_000) throw new Error("not fresh");
        const text = JSON.stringify({ id, kind, from_id, to_id, timestamp, payload });
        if (!crypto.verify(fromBase64(from_key), bytesOf(text), fromBase64(signature))) throw new Error("bad signature");
        const nonce = fromBase64(payload.nonce);
        const ciphertext = fromBase64(payload.ciphertext);
        const before = held.get(`${from_id} ${from_key}`);
        if (payload.owner_id !== from_id || nonce.length !== 24 || ciphertext.length > SEALED_SIZE) throw new Error("no stash");
        if (before !== undefined && before.ts >= payload.ts) throw new Error("stale");
        seen.add(id);
        held.set(`${from_id} ${from_key}`, { nonce, ciphertext, ts: payload.ts });
        const ack = { owner_id: from_id, stored_at: seconds, success: true, reason: id };
        return frameOf(`nara/mesh/${from_id}`, signed("stash:ack", from_id, seconds, ack, id));
      },
    };
  }

  return { makeStore, taker };
}

/** The topic and the payload of a PUBLISH at QoS 0. */
export function published(frame) {
  let at = 1;
  while (frame[at++] >= 0x80);
  const topicEnd = at + 2 + frame[at] * 256 + frame[at + 1];
  return { topic: new TextDecoder().decode(frame.subarray(at + 2, topicEnd)), payload: frame.subarray(topicEnd) };
}

export function frameOf(topic, text) {
  const [name, payload] = [bytesOf(topic), bytesOf(text)];
  const header = [PUBLISH];
  let length = 2 + name.length + payload.length;
  for (; length >= 0x80; length >>= 7) header.push((length & 0x7f) | 0x80);
  header.push(length, name.length >> 8, name.length & 0xff);
  const frame = new Uint8Array(header.length + name.length + payload.length);
  frame.set(header);
  frame.set(name, header.length);
  frame.set(payload, header.length + name.length);
  return frame;
}

/** The gzip member with an extra field that fills it up. */
function padded(member) {
  const extra = SEALED_SIZE - TAG_SIZE - member.length - 2;
  const all = new Uint8Array(SEALED_SIZE - TAG_SIZE);
  all.set(member.subarray(0, GZIP_HEADER));
  all[3] |= FLAG_EXTRA;
  all.set([extra & 0xff, extra >> 8, 0x6c, 0x6e, (extra - 4) & 0xff, (extra - 4) >> 8], GZIP_HEADER);
  all.set(member.subarray(GZIP_HEADER), GZIP_HEADER + 2 + extra);
  return all;
}

const encoder = new TextEncoder();

export function bytesOf(text) {
  return encoder.encode(text);
}

// The fastest Base64 that the platform has.
const hasBuffer = typeof Buffer !== "undefined";

export function toBase64(bytes) {
  if (hasBuffer) return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64");
  return bytes.toBase64?.() ?? btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}

export function fromBase64(text) {
  if (hasBuffer) return new Uint8Array(Buffer.from(text, "base64"));
  return Uint8Array.fromBase64?.(text) ?? Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
}

function randomId() {
  return toBase64(globalThis.crypto.getRandomValues(new Uint8Array(12)));
}
