// How long a memory takes to come back, with remembered holders and with soul and name alone, beside one echo of an
// MQTT client on the same broker.

const ROUNDS = 7;

/** Medians in milliseconds: `{ remembered, cold, mqtt_js }`. */
export async function recovering({ Nara, mqtt, plaza, median }) {
  const memory = { tea: "oolong", notes: "x".repeat(5_000) };
  const storage = new Map();
  const owner = await Nara.wake({ plaza, storage });
  const { soul, name } = owner;
  await owner.stash.set(memory);
  await owner.sleep();
  const contenders = {
    remembered: () => recoverOnce({ Nara, memory, options: { plaza, storage, name } }),
    cold: () => recoverOnce({ Nara, memory, options: { plaza, soul, name } }),
    mqtt_js: () => echoOnce(mqtt, plaza),
  };
  const names = Object.keys(contenders);
  const samples = Object.fromEntries(names.map((who) => [who, []]));
  for (let round = 0; round < ROUNDS; round++) {
    for (let place = 0; place < names.length; place++) {
      const who = names[(place + round) % names.length];
      samples[who].push(await contenders[who]());
    }
  }
  return Object.fromEntries(names.map((who) => [who, median(samples[who])]));
}

/** Wakes, and has the memory back. */
export async function recoverOnce({ Nara, memory, options }) {
  const began = performance.now();
  const nara = await Nara.wake(options);
  const { data } = await nara.stash.recover();
  const took = performance.now() - began;
  if (JSON.stringify(data) !== JSON.stringify(memory)) throw new Error("another memory came back");
  await nara.sleep();
  return took;
}

function echoOnce(mqtt, plaza) {
  return new Promise((resolve, reject) => {
    const began = performance.now();
    const client = mqtt.connect(plaza, { protocolVersion: 4, reconnectPeriod: 0 });
    const topic = `bench/${Math.random()}`;
    client.on("error", reject);
    client.on("connect", () => client.subscribe(topic, () => client.publish(topic, "echo")));
    client.on("message", () => {
      const took = performance.now() - began;
      client.end(true, () => resolve(took));
    });
  });
}
