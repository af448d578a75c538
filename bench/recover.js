// How long a memory takes to come back, beside one echo of an MQTT client on the same broker.

const ROUNDS = 7;

/** Medians in milliseconds: `{ light_nara, mqtt_js }`. */
export async function recovering({ Nara, mqtt, plaza, median }) {
  const memory = { tea: "oolong", notes: "x".repeat(5_000) };
  const owner = await Nara.wake({ plaza });
  const { soul, name } = owner;
  await owner.stash.set(memory);
  await owner.sleep();
  const [ours, theirs] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    const one = async () => ours.push(await recoverOnce({ Nara, plaza, soul, name, memory }));
    const other = async () => theirs.push(await echoOnce(mqtt, plaza));
    for (const run of round % 2 === 0 ? [one, other] : [other, one]) await run();
  }
  return { light_nara: median(ours), mqtt_js: median(theirs) };
}

async function recoverOnce({ Nara, plaza, soul, name, memory }) {
  const began = performance.now();
  const nara = await Nara.wake({ plaza, soul, name });
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
