// A nara written anew with libsodium and Node alone, to hold the package
// against: soul, id, keys, seal, envelope. It shares no code with the package.
import { createHash, createHmac, hkdfSync } from "node:crypto";
import { gunzipSync, gzipSync } from "node:zlib";
import sodium from "libsodium-wrappers";

const ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const SEED_LENGTH = 32;

export function toBase58(bytes) {
  let number = BigInt(`0x00${Buffer.from(bytes).toString("hex")}`);
  let text = "";
  for (; number > 0n; number /= 58n) text = ALPHABET[Number(number % 58n)] + text;
  const zeros = bytes.findIndex((byte) => byte !== 0);
  return "1".repeat(zeros < 0 ? bytes.length : zeros) + text;
}

export function fromBase58(text) {
  let number = 0n;
  for (const letter of text) number = number * 58n + BigInt(ALPHABET.indexOf(letter));
  const hex = number.toString(16);
  const bytes = Buffer.from(hex.length % 2 ? `0${hex}` : hex, "hex");
  const zeros = /^1*/.exec(text)[0].length;
  return Buffer.concat([Buffer.alloc(zeros), bytes]);
}

/** A soul for a chosen name: a random seed and the tag that bonds them. */
export async function newSoul(name) {
  await sodium.ready;
  const seed = Buffer.from(sodium.randombytes_buf(SEED_LENGTH));
  const tag = createHmac("sha256", seed).update(`nara:name:v2:${name}`).digest().subarray(0, 8);
  return toBase58(Buffer.concat([seed, tag]));
}

export class Twin {
  #seed;
  #signing;
  #sealing;

  static async of(soul, name) {
    await sodium.ready;
    return new Twin(fromBase58(soul), name);
  }

  constructor(soul, name) {
    this.name = name;
    this.#seed = soul.subarray(0, SEED_LENGTH);
    this.id = toBase58(createHash("sha256").update(soul).update(name).digest());
    this.#signing = sodium.crypto_sign_seed_keypair(this.#seed);
    this.#sealing = new Uint8Array(hkdfSync("sha256", this.#seed, "nara:stash:v1", "symmetric", 32));
  }

  get key() {
    return Buffer.from(this.#signing.publicKey).toString("base64");
  }

  /** What is sealed in a stash, as JSON. */
  open({ nonce, ciphertext }) {
    const plain = sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(null, ciphertext, null, nonce, this.#sealing);
    return JSON.parse(gunzipSync(plain).toString("utf8"));
  }

  seal(bytes) {
    const nonce = sodium.randombytes_buf(sodium.crypto_aead_xchacha20poly1305_ietf_NPUBBYTES);
    const ciphertext = sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(bytes, null, null, nonce, this.#sealing);
    return { nonce, ciphertext };
  }

  /** The older format, which every nara opens. */
  sealMemory(data, seconds) {
    return this.seal(gzipSync(JSON.stringify({ timestamp: seconds, data, version: 1 })));
  }

  sign(text) {
    return Buffer.from(sodium.crypto_sign_detached(text, this.#signing.privateKey)).toString("base64");
  }

  /** A signed runtime message, as bytes for `nara/mesh/ID`. The payload must not need Go's escapes. */
  message(kind, to, payload) {
    const timestamp = new Date().toISOString();
    // Go leaves trailing zeros of a fraction out.
    const time = timestamp.replace(/\.?0*Z$/, "Z");
    const hash = createHash("sha256").update(kind + this.id + time + JSON.stringify(payload)).digest();
    const id = toBase58(hash).slice(0, 16);
    const signed = JSON.stringify({ id, kind, from_id: this.id, to_id: to, timestamp: time, payload });
    const envelope = { id, kind, version: 1, from: this.name, from_id: this.id, to_id: to, timestamp: time, payload };
    return JSON.stringify({ ...envelope, signature: this.sign(signed), from_key: this.key });
  }

  store(to, { nonce, ciphertext }, seconds) {
    const base64 = (bytes) => Buffer.from(bytes).toString("base64");
    const payload = { owner_id: this.id, owner: this.name, nonce: base64(nonce), ciphertext: base64(ciphertext), ts: seconds };
    return this.message("stash:store", to, payload);
  }
}

/** Whether this key signed a runtime message, by libsodium. */
export function isSigned(json, key) {
  const { id, kind, from_id, to_id, timestamp, payload, signature } = JSON.parse(json);
  const text = JSON.stringify({ id, kind, from_id, to_id, timestamp, payload });
  const bytes = (base64) => new Uint8Array(Buffer.from(base64, "base64"));
  return sodium.crypto_sign_verify_detached(bytes(signature), text, bytes(key));
}
