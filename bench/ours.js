// What the core can do, called as JavaScript would call it: bytes go in and come out as copies.

const [TAG, SIGNATURE, KEY] = [16, 64, 32];

/** `ours` is the benchmark's build, and `memory` its memory. */
export function ownerOf({ BenchOwner }, memory, seed) {
  const owner = new BenchOwner(seed);
  const place = owner.place();
  let view = new Uint8Array(memory.buffer);

  /** A memory that grew is another buffer. */
  function current() {
    if (view.length === 0) view = new Uint8Array(memory.buffer);
    return view;
  }

  function put(first, rest) {
    const bytes = current();
    bytes.set(first, place);
    bytes.set(rest, place + first.length);
    return rest.length;
  }

  const taken = (at, length) => current().slice(at, at + length);

  return {
    seal: (nonce, text) => taken(owner.seal(put(nonce, text)), text.length + TAG),
    open: (nonce, sealed) => taken(owner.open(put(nonce, sealed)), sealed.length - TAG),
    sign: (text) => {
      current().set(text, place);
      return taken(owner.sign(text.length), SIGNATURE);
    },
    verify: (text, signature) => owner.verify(put(signature, text)),
    derive: () => taken(owner.derive(), KEY),
    makeStore: (...about) => owner.makeStore(...about),
    parse: (bytes) => owner.parse(bytes),
  };
}
