// The naras that live on the host, so that the first visitor finds confidants.
import { Nara } from "light-nara";

/** Wakes `count` naras on a plaza, and on the mesh if there is a gateway; returns `{ naras, sleep }`. */
export async function wakeResidents({ count, plaza, gateway }) {
  const naras = [];
  const sleep = async () => {
    await Promise.allSettled(naras.splice(0).map((nara) => nara.sleep({ handOff: true })));
  };
  try {
    while (naras.length < count) {
      naras.push(await Nara.wake({ plaza, gateway, memory: "medium" }));
    }
  } catch (error) {
    await sleep();
    throw error;
  }
  return { naras: [...naras], sleep };
}
