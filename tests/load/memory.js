// The memories of WebAssembly in a page, which DevTools leave out of its heap; Node has them in what is external. To be
// loaded before whoever makes them.

const memories = new Set();

for (const name of ["instantiate", "instantiateStreaming"]) {
  const make = WebAssembly[name].bind(WebAssembly);
  WebAssembly[name] = async (...parts) => {
    const made = await make(...parts);
    memories.add((made.instance ?? made).exports.memory);
    return made;
  };
}

/** How many bytes they have; throws if there is none, since then they are made in a way that is not seen here. */
export function wasmBytes() {
  if (memories.size === 0) throw new Error("no WebAssembly memory was seen");
  return [...memories].reduce((sum, { buffer }) => sum + buffer.byteLength, 0);
}
