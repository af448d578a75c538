// Naras in a process of their own, told what to do by whoever forked it: `{ wake, plaza, memory }`, `{ look }`, or nothing.
import { Nara } from "light-nara";

const naras = [];

process.on("message", async ({ id, wake = 0, plaza, memory = "medium", look }) => {
  for (let n = 0; n < wake; n += 1) {
    naras.push(await Nara.wake({ plaza, memory }));
    // Not all in one moment, as on no plaza.
    await new Promise((resolve) => setTimeout(resolve, WAKE_EVERY_MS));
  }
  const online = naras.filter((nara) => nara.status().connection.state === "online").length;
  process.send({ id, online, ...(look && (await looked(look))) });
});

/** What the first of them became, and of which owners it holds a stash. */
async function looked(owners) {
  const [confidant] = naras;
  // What the first round lets go of, the second frees.
  for (let round = 0; round < 2; round += 1) {
    globalThis.gc?.();
    await new Promise((resolve) => setTimeout(resolve, WAKE_EVERY_MS));
  }
  const { heapUsed, external } = process.memoryUsage();
  return { name: confidant.id, heap: heapUsed + external, held: owners.filter((one) => confidant.stash.hasStashFor(one)).length, drops: confidant.status().drops };
}

const WAKE_EVERY_MS = 20;
