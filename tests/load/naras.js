// Many naras in a process of their own, told what to do by whoever forked it: `{ wake, plaza }`, `{ count }`, `{ store }`.
import { Nara } from "light-nara";

const naras = [];

process.on("message", async ({ id, wake, plaza, store, options = {} }) => {
  if (wake !== undefined) {
    for (let n = 0; n < wake; n += 1) {
      naras.push(await Nara.wake({ plaza, memory: "medium", ...options }));
      // Not all in one moment, as on no plaza.
      await new Promise((resolve) => setTimeout(resolve, WAKE_EVERY_MS));
    }
  }
  const times = [];
  let failed = 0;
  for (let n = 0; n < (store ?? 0); n += 1) {
    const startedAt = performance.now();
    const receipt = await naras[n % naras.length].stash.set({ tea: n }, { deadline: 30_000 }).catch(() => null);
    if (receipt === null) failed += 1;
    else times.push(performance.now() - startedAt);
  }
  const online = naras.filter((nara) => nara.status().connection.state === "online").length;
  process.send({ id, online, times, failed });
});

const WAKE_EVERY_MS = 20;
