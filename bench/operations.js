// The operations of the benchmark, each with its contenders; it runs in Node and in browsers.

import { rates } from "./measure.js";
import { ownerOf } from "./ours.js";
import { bytesOf, frameOf, fromBase64, published, rival, toBase64 } from "./rival.js";

const STORES = 40;
/** What a peer has sent already that is often heard. */
const HEARD = 80;
const SECONDS = 1_768_756_453;
const NEWSPAPERS = 1_000;

/**
 * Measures all of it, and tells of each as it is done. `libraries` has what there is of
 * `{ ours, memory, sodium, noble, fflate, pako, mqttPacket, nodeCrypto }`.
 */
export async function measureAll(libraries, tell) {
  const results = {};
  for (const [name, operation] of Object.entries(operations(libraries))) {
    const { contenders, times, scale = 1 } = await operation();
    const found = await rates(contenders, times);
    results[name] = Object.fromEntries(Object.entries(found).map(([who, rate]) => [who, rate * scale]));
    tell(name, results[name]);
  }
  return results;
}

function operations({ ours, memory: itsMemory, sodium, noble, fflate, pako, mqttPacket, nodeCrypto }) {
  const seed = new Uint8Array(32).fill(7);
  const nonce = new Uint8Array(24).fill(1);
  const owner = ownerOf(ours, itsMemory, seed);
  const sealKey = owner.derive();
  const noise = Uint8Array.from({ length: 10_224 }, (_, at) => (at * 7) % 251);
  const text = noise.subarray(0, 1_024);
  const pair = sodium.crypto_sign_seed_keypair(seed);
  const { xchacha20poly1305, ed25519, hkdf, sha256 } = noble;
  const subtle = globalThis.crypto.subtle;

  function sealing(plaintext) {
    const contenders = {
      light_nara: () => owner.seal(nonce, plaintext),
      libsodium: () => sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(plaintext, null, null, nonce, sealKey),
      noble: () => xchacha20poly1305(sealKey, nonce).encrypt(plaintext),
    };
    return plain(contenders);
  }

  function opening() {
    const sealed = owner.seal(nonce, noise);
    return plain({
      light_nara: () => owner.open(nonce, sealed),
      libsodium: () => sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(null, sealed, null, nonce, sealKey),
      noble: () => xchacha20poly1305(sealKey, nonce).decrypt(sealed),
    });
  }

  async function signing() {
    const contenders = {
      light_nara: () => owner.sign(text),
      libsodium: () => sodium.crypto_sign_detached(text, pair.privateKey),
      noble: () => ed25519.sign(text, seed),
    };
    if (nodeCrypto) contenders.node_crypto = ((key) => () => new Uint8Array(nodeCrypto.sign(null, text, key)))(nodeKey());
    else await addWebCrypto(contenders, "sign");
    return plain(contenders);
  }

  async function verifying() {
    const signature = owner.sign(text);
    const contenders = {
      light_nara: () => owner.verify(text, signature),
      libsodium: () => sodium.crypto_sign_verify_detached(signature, text, pair.publicKey),
      noble: () => ed25519.verify(signature, text, pair.publicKey),
    };
    if (nodeCrypto) contenders.node_crypto = ((key) => () => nodeCrypto.verify(null, text, key, signature))(nodeCrypto.createPublicKey(nodeKey()));
    else await addWebCrypto(contenders, "verify", signature);
    const broken = signature.map((byte, at) => (at === 3 ? byte ^ 1 : byte));
    if (owner.verify(text, broken)) throw new Error("a broken signature was taken");
    return plain(contenders);
  }

  function nodeKey() {
    const der = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), seed]);
    return nodeCrypto.createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  }

  async function addWebCrypto(contenders, what, signature) {
    try {
      const head = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
      const secret = await subtle.importKey("pkcs8", new Uint8Array([...head, ...seed]), "Ed25519", false, ["sign"]);
      const key = await subtle.importKey("raw", pair.publicKey, "Ed25519", false, ["verify"]);
      if (what === "sign") contenders.webcrypto = async () => new Uint8Array(await subtle.sign("Ed25519", secret, text));
      else contenders.webcrypto = () => subtle.verify("Ed25519", key, signature, text);
    } catch {
      // This engine has no Ed25519.
    }
  }

  async function deriving() {
    const [salt, info] = [bytesOf("nara:stash:v1"), bytesOf("symmetric")];
    const secret = await subtle.importKey("raw", seed, "HKDF", false, ["deriveBits"]);
    const contenders = {
      light_nara: () => owner.derive(),
      noble: () => hkdf(sha256, seed, salt, info, 32),
      webcrypto: async () => new Uint8Array(await subtle.deriveBits({ name: "HKDF", hash: "SHA-256", salt, info }, secret, 256)),
    };
    if (nodeCrypto) contenders.node_crypto = () => new Uint8Array(nodeCrypto.hkdfSync("sha256", seed, salt, info, 32));
    return plain(contenders);
  }

  async function parsing() {
    const paper = (at) => JSON.stringify({ From: `gopher-${at}`, Status: { Buzz: at, Personality: { Chill: 22 }, Version: "0.2.0", Text: "x".repeat(700) }, Signature: toBase64(noise.subarray(0, 64)) });
    const frames = Array.from({ length: NEWSPAPERS }, (_, at) => frameOf(`nara/newspaper/gopher-${at}`, paper(at)));
    const bytes = new Uint8Array(frames.reduce((sum, frame) => sum + frame.length, 0));
    frames.reduce((at, frame) => (bytes.set(frame, at), at + frame.length), 0);
    const contenders = { light_nara: () => owner.parse(bytes) };
    if (mqttPacket) {
      const buffer = mqttPacket.Buffer.from(bytes);
      const parser = mqttPacket.parser();
      let count = 0;
      parser.on("packet", () => count++);
      contenders.mqtt_packet = () => {
        count = 0;
        parser.parse(buffer);
        return count;
      };
    }
    return { ...(await plain(contenders)), scale: NEWSPAPERS };
  }

  // Makers and takers of stores, ours and what libraries make up.
  const sodiumCrypto = {
    seal: (key, by, plaintext) => sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(plaintext, null, null, by, key),
    sign: (secret, what) => sodium.crypto_sign_detached(what, secret),
    verify: (key, what, signature) => sodium.crypto_sign_verify_detached(signature, what, key),
  };
  const nobleCrypto = {
    seal: (key, by, plaintext) => xchacha20poly1305(key, by).encrypt(plaintext),
    sign: (secret, what) => ed25519.sign(what, secret),
    verify: (key, what, signature) => ed25519.verify(signature, what, key),
  };
  const level = { level: 1 };
  const taker = new ours.BenchTaker();
  const memory = memoryOf(10_240);

  function me(id) {
    return { id, name: "bench", seal: sealKey, key: pair.publicKey };
  }

  function ownerId() {
    return JSON.parse(new TextDecoder().decode(published(owner.makeStore(taker.id(), "{}", nonce, 0)).payload)).from_id;
  }

  function rivals(id) {
    const gzip = (bytes) => fflate.gzipSync(bytes, level);
    return {
      libsodium_fflate: rival({ crypto: sodiumCrypto, gzip, me: { ...me(id), secret: pair.privateKey } }),
      libsodium_pako: rival({ crypto: sodiumCrypto, gzip: (bytes) => pako.gzip(bytes, level), me: { ...me(id), secret: pair.privateKey } }),
      noble_fflate: rival({ crypto: nobleCrypto, gzip, me: { ...me(id), secret: seed } }),
    };
  }

  function making() {
    const contenders = { light_nara: () => owner.makeStore(taker.id(), memory, nonce, 0) };
    for (const [name, one] of Object.entries(rivals(ownerId()))) {
      contenders[name] = () => one.makeStore(taker.id(), memory, nonce, SECONDS);
    }
    // Each one's store is taken by a nara of ours, and opens to the same memory.
    for (const [name, make] of Object.entries(contenders)) {
      const frame = make();
      const judge = new ours.BenchTaker();
      judge.take(frame, 0);
      const { payload } = JSON.parse(new TextDecoder().decode(published(frame).payload));
      const plaintext = owner.open(nonce, fromBase64(payload.ciphertext));
      const opened = JSON.parse(new TextDecoder().decode(fflate.gunzipSync(plaintext)));
      if (judge.held() !== 1 || JSON.stringify(opened.data) !== memory) throw new Error(`make_store: ${name} made no store`);
      judge.free();
    }
    return { contenders: Object.entries(contenders).map(([name, run]) => ({ name, run: repeated(run) })) };
  }

  function taking(isKnown) {
    const at = (place) => (isKnown ? place + HEARD : 0);
    const frames = Array.from({ length: STORES }, (_, place) => {
      const one = isKnown ? owner : new ours.BenchOwner(new Uint8Array(32).fill(place + 100));
      return one.makeStore(taker.id(), memory, nonce, at(place));
    });
    const warm = Array.from({ length: isKnown ? HEARD : 0 }, (_, place) => owner.makeStore(taker.id(), memory, nonce, place));
    const expected = isKnown ? 1 : STORES;
    let mine;
    const contenders = [
      {
        name: "light_nara",
        before: () => {
          mine?.free();
          mine = new ours.BenchTaker();
          warm.forEach((frame, place) => mine.take(frame, place));
        },
        run: () => frames.forEach((frame, place) => mine.take(frame, at(place))),
        check: () => mine.held(),
        ack: () => mine.take(frames[0], at(0)),
      },
    ];
    for (const [name, one] of Object.entries(rivals(taker.id()))) {
      if (name === "libsodium_pako") continue;
      let theirs;
      contenders.push({
        name,
        before: () => (theirs = one.taker()),
        run: () => frames.forEach((frame, place) => theirs.take(frame, SECONDS + at(place))),
        check: () => theirs.held.size,
        ack: () => theirs.take(frames[0], SECONDS + at(0)),
      });
    }
    for (const { name, before, run, check, ack } of contenders) {
      before();
      const { payload } = JSON.parse(new TextDecoder().decode(published(ack()).payload));
      before();
      run();
      if (payload.success !== true || check() !== expected) throw new Error(`take_store: ${name} holds ${check()} of ${expected}`);
    }
    return { contenders, times: STORES };
  }

  return {
    make_store: making,
    take_store: () => taking(false),
    take_store_known: () => taking(true),
    seal_10k: () => sealing(noise),
    open_10k: opening,
    seal_1k: () => sealing(text),
    sign_1k: signing,
    verify_1k_known: verifying,
    derive_key: deriving,
    plaza_parse: parsing,
  };
}

/** JSON of at most so many bytes, as a page might keep. */
function memoryOf(size) {
  const notes = [];
  const json = () => JSON.stringify({ notes });
  while (json().length <= size) {
    const at = notes.length;
    notes.push({ at, title: `note ${at}`, text: `tea at ${at % 24} o'clock, ${(at * 7919) % 1000} leaves` });
  }
  notes.pop();
  return json();
}

/** Contenders that must give the same result, which is checked first. */
async function plain(contenders) {
  const shown = async (run) => String(await run());
  const expected = await shown(contenders.light_nara);
  for (const [name, run] of Object.entries(contenders)) {
    if ((await shown(run)) !== expected) throw new Error(`${name} gives another result than light_nara`);
  }
  return { contenders: Object.entries(contenders).map(([name, run]) => ({ name, run: repeated(run) })) };
}

function repeated(run) {
  const isAsync = run.constructor.name === "AsyncFunction" || run() instanceof Promise;
  if (isAsync) {
    return async (times) => {
      for (let left = times; left > 0; left--) await run();
    };
  }
  return (times) => {
    for (let left = times; left > 0; left--) run();
  };
}
