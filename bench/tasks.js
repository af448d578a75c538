// The longest task on a page's main thread, while a memory comes back and while stores are taken.

import { published } from "./rival.js";

const STORES_A_SECOND = 100;
const SECONDS = 3;
/** Nobody is heard more than 30 times in 10 s. */
const OWNERS = 40;
/** The browser reports what lasts longer than this. */
const LONG_MS = 50;

/** In milliseconds; 0 where no task is as long as those that the browser reports. */
export async function longestTask(run) {
  let longest = 0;
  // The task that asked for this is none of those that are watched.
  await pause(0);
  const count = (list) => list.forEach(({ duration }) => (longest = Math.max(longest, duration)));
  const observer = new PerformanceObserver((list) => count(list.getEntries()));
  observer.observe({ type: "longtask" });
  await run();
  // It is told of in a task of its own.
  await pause(200);
  count(observer.takeRecords());
  observer.disconnect();
  return longest;
}

/** Fails where this browser would not notice. */
export async function checkThatLongTasksShow() {
  const seen = await longestTask(async () => {
    await pause(0);
    for (const end = performance.now() + 2 * LONG_MS; performance.now() < end; );
    await pause(0);
  });
  if (seen < LONG_MS) throw new Error("this browser does not report long tasks");
}

/** Takes so many stores a second, as they would come from a socket: each in a task of its own. */
export async function takeStores({ BenchOwner, BenchTaker }, memory) {
  const taker = new BenchTaker();
  const nonce = new Uint8Array(24).fill(1);
  const owners = Array.from({ length: OWNERS }, (_, at) => new BenchOwner(new Uint8Array(32).fill(at + 1)));
  const frames = Array.from({ length: SECONDS * STORES_A_SECOND }, (_, at) => {
    const seconds = Math.floor(at / OWNERS);
    return { seconds, frame: owners[at % OWNERS].makeStore(taker.id(), memory, nonce, seconds) };
  });
  return async () => {
    const began = performance.now();
    for (const [at, { frame, seconds }] of frames.entries()) {
      await pause(Math.max(0, began + (at * 1000) / STORES_A_SECOND - performance.now()));
      const { payload } = JSON.parse(new TextDecoder().decode(published(taker.take(frame, seconds)).payload));
      if (payload.success !== true) throw new Error(`a store was not taken: ${payload.reason}`);
    }
  };
}

function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
