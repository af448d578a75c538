// What `npm run bench -- --browser` calls in the page.
import { coldSodium, coldWake } from "./cold.js";
import { SLEEPER, libsodium, noble } from "./known.js";
import { median } from "./measure.js";
import { measureAll } from "./operations.js";
import { recoverOnce, recovering } from "./recover.js";
import { checkThatLongTasksShow, longestTask, takeStores } from "./tasks.js";

const ENTRY = "/www/nara/pkg/index.js";

/** `pkg` is the folder of the benchmark's build. */
window.measure = async (pkg) => {
  const ours = (await import(`${pkg}light_nara.js`)).newCore();
  const { memory } = await ours.init();
  const [fflate, pako] = [await import("fflate"), await import("pako")];
  const { packets, Buffer } = await import(`${pkg}mqtt-packet.js`);
  const mqttPacket = { parser: packets.parser ?? packets.default.parser, Buffer };
  return measureAll({ ours, memory, sodium: await libsodium(), noble: await noble(), fflate, pako, mqttPacket }, window.tell);
};

/** One sample; the page is new. */
window.cold = async (who) => {
  if (who === "libsodium") return coldSodium({ entry: "libsodium-wrappers" });
  const bytes = await (await fetch("/www/nara/pkg/light_nara_bg.wasm")).arrayBuffer();
  return coldWake({ bytes, entry: ENTRY, ...SLEEPER });
};

window.recover = async (plaza) => {
  const [{ Nara }, mqtt] = [await import(ENTRY), await import("mqtt")];
  return recovering({ Nara, mqtt: mqtt.default ?? mqtt, plaza, median });
};

/** The longest tasks, in milliseconds, on a page that does nothing else. */
window.tasks = async (pkg, plaza) => {
  await checkThatLongTasksShow();
  const { Nara } = await import(ENTRY);
  const memory = { tea: "oolong", notes: "x".repeat(5_000) };
  const storage = new Map();
  const owner = await Nara.wake({ plaza, storage });
  await owner.stash.set(memory);
  await owner.sleep();
  const task_recover = await longestTask(() => recoverOnce({ Nara, memory, options: { plaza, storage } }));

  const ours = (await import(`${pkg}light_nara.js`)).newCore();
  await ours.init();
  const task_stores = await longestTask(await takeStores(ours, JSON.stringify(memory)));
  return { task_recover, task_stores };
};
