// What is left of a soul in the module's memory once its nara sleeps: nothing.
import assert from "node:assert/strict";
import { createHash, hkdfSync } from "node:crypto";
import { after, before, test } from "node:test";
import { startServer } from "../../host/server.js";
import { Neighbourhood } from "../support/naras.js";

const ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;

/** That of the core that was loaded last; naras are woken after this. */
let memory;
WebAssembly.Instance = class extends WebAssembly.Instance {
  constructor(...given) {
    super(...given);
    ({ memory } = this.exports);
  }
};

let server;
let neighbours;
before(async () => {
  server = await startServer({ port: 0, listen: "127.0.0.1" });
  neighbours = new Neighbourhood(server.plaza);
  await neighbours.wakeMany(3);
});
after(async () => {
  await neighbours.sleep();
  await server.close();
});

// Services are in the full core alone, which is loaded second.
for (const [core, options] of [["smaller", {}], ["full", { services: [{ name: "tea", behaviours: { "tea:wish": {} } }] }]]) {
  test(`no byte of the soul, nor of a key that follows from it, outlives the sleep in the memory of the ${core} core`, async () => {
    const owner = await neighbours.wake(options);
    await owner.stash.set({ tea: "oolong" });
    const { soul } = owner;
    await assertFoundAwake(soul);
    await owner.sleep();
    assert.deepEqual(await found(soul), []);
    assert.equal(owner.soul, soul);

    const again = await neighbours.wake({ ...options, soul });
    assert.deepEqual((await again.stash.recover()).data, { tea: "oolong" });
    await assertFoundAwake(soul);
    await again.sleep();
    assert.deepEqual(await found(soul), []);
  });
}

test("a service has nothing to seal with any more once its nara sleeps", async () => {
  let ctx;
  const service = { name: "safe", behaviours: {}, start: (given) => (ctx = given) };
  const nara = await neighbours.wake({ services: [service] });
  await Promise.resolve();
  const sealed = ctx.seal(new Uint8Array([1, 2, 3]));
  assert.deepEqual([...ctx.open(sealed)], [1, 2, 3]);
  await nara.sleep();
  assert.throws(() => ctx.seal(new Uint8Array([1])), { name: "NaraError", code: "asleep" });
  assert.throws(() => ctx.open(sealed), { name: "NaraError", code: "asleep" });
});

/** Whoever looks must be able to find. */
async function assertFoundAwake(soul) {
  const seen = await found(soul);
  for (const name of ["seed", "scalar", "prefix", "seal key"]) assert.ok(seen.includes(name), name);
}

/** Which secrets of this soul are in the module's memory, all of them as their first 16 bytes. */
async function found(soul) {
  const bytes = Buffer.from(memory.buffer);
  return Object.entries(secretsOf(soul)).filter(([, secret]) => bytes.includes(secret.subarray(0, 16))).map(([name]) => name);
}

function secretsOf(soul) {
  const seed = decoded(soul).subarray(0, 32);
  const hash = createHash("sha512").update(seed).digest();
  const clamped = Buffer.from(hash.subarray(0, 32));
  clamped[0] &= 248;
  clamped[31] = (clamped[31] & 127) | 64;
  const scalar = Buffer.from((little(clamped) % ORDER).toString(16).padStart(64, "0"), "hex").reverse();
  return {
    text: Buffer.from(soul),
    seed,
    hex: Buffer.from(seed.toString("hex")),
    clamped,
    scalar,
    prefix: hash.subarray(32),
    "seal key": Buffer.from(hkdfSync("sha256", seed, "nara:stash:v1", "symmetric", 32)),
  };
}

function little(bytes) {
  return BigInt(`0x${Buffer.from(bytes).reverse().toString("hex")}`);
}

/** Base58 of 40 bytes. */
function decoded(text) {
  const number = [...text].reduce((sum, one) => sum * 58n + BigInt(ALPHABET.indexOf(one)), 0n);
  return Buffer.from(number.toString(16).padStart(80, "0"), "hex");
}
