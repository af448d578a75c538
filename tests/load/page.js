// A confidant in a page, for `npm run load -- stores`.
import { checkThatLongTasksShow, longestTask } from "/bench/tasks.js";
import { wasmBytes } from "./memory.js";
import { Nara } from "/www/nara/pkg/index.js";

let confidant;
let stop;

window.wake = async (plaza) => {
  await checkThatLongTasksShow();
  confidant = await Nara.wake({ plaza, memory: "high" });
  return confidant.id;
};

window.isOnline = () => confidant.status().connection.state === "online";

window.look = (owners) => ({
  held: owners.filter((one) => confidant.stash.hasStashFor(one)).length,
  drops: confidant.status().drops,
  wasm: wasmBytes(),
});

/** The longest task from now until `enough`, in milliseconds. */
window.watch = () => longestTask(() => new Promise((resolve) => (stop = resolve)));
window.enough = () => stop();
