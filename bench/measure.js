// Measures contenders against each other: interleaved rounds, the order turned each round, medians.

const SAMPLE_MS = 25;
const ROUNDS = 15;
/** An engine compiles anew what runs often: who takes stores has taken thousands. */
const WARM_UP_MS = 500;

/**
 * Runs `{ name, run, before? }` in turn and returns `{ name: operations a second }`.
 * `run(times)` does its work so many times, and may be a promise; `before`, not timed, makes it ready.
 * With `times`, every sample has so many; else each contender's samples last about as long.
 */
export async function rates(contenders, times) {
  const counts = new Map();
  for (const one of contenders) {
    await warmUp(one, times ?? 1);
    counts.set(one, times ?? (await calibrate(one)));
  }
  const found = new Map(contenders.map((one) => [one, []]));
  for (let round = 0; round < ROUNDS; round++) {
    for (let place = 0; place < contenders.length; place++) {
      const one = contenders[(place + round) % contenders.length];
      one.before?.();
      const began = performance.now();
      await one.run(counts.get(one));
      found.get(one).push((counts.get(one) * 1000) / (performance.now() - began));
    }
  }
  return Object.fromEntries(contenders.map((one) => [one.name, median(found.get(one))]));
}

async function warmUp({ run, before }, times) {
  for (const began = performance.now(); performance.now() - began < WARM_UP_MS; ) {
    before?.();
    await run(times);
  }
}

/** So many runs that one sample lasts long enough for the clock. */
async function calibrate({ run, before }) {
  for (let times = 1; ; times *= 2) {
    before?.();
    const began = performance.now();
    await run(times);
    const took = performance.now() - began;
    if (took >= SAMPLE_MS / 2) return Math.max(1, Math.round((times * SAMPLE_MS) / took));
  }
}

export function median(numbers) {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
}
