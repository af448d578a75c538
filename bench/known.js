// The libraries that the benchmark loads alike in Node and in browsers.

/** A nara that is known already: to make up a name would take some milliseconds more. */
export const SLEEPER = { soul: "MFdVktRpmvgNLBrkKo5GRg72T55xa3JcuasaZc6dvPfLUYVy5rLTYn", name: "bench" };

export async function libsodium() {
  const { default: sodium } = await import("libsodium-wrappers");
  await sodium.ready;
  return sodium;
}

export async function noble() {
  const names = ["@noble/ciphers/chacha.js", "@noble/curves/ed25519.js", "@noble/hashes/hkdf.js", "@noble/hashes/sha2.js"];
  const [{ xchacha20poly1305 }, { ed25519 }, { hkdf }, { sha256 }] = await Promise.all(names.map((name) => import(name)));
  return { xchacha20poly1305, ed25519, hkdf, sha256 };
}
