// The broker of docs/operators.md, as it is written there, in a real mosquitto.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { before, after, describe, test } from "node:test";
import mqtt from "mqtt";
import { Nara } from "light-nara";
import { Gopher } from "../support/gopher.js";
import { startMosquitto } from "../support/mosquitto.js";
import { until } from "../support/until.js";

const PAGE = readFileSync(new URL("../../docs/operators.md", import.meta.url), "utf8");
const block = (name) => PAGE.split(`\`\`\`${name}\n`)[1].split("```")[0];
const SLOW = { timeout: 40_000 };

describe("the broker that the page for operators shows", () => {
  let broker;
  before(async () => (broker = await startMosquitto({ conf: block("conf"), files: { "nara.acl": block("acl") } })), SLOW);
  after(() => broker.stop());

  test("is there at no other address of the machine", SLOW, async () => {
    const isOpen = (port, address) =>
      new Promise((resolve) => {
        const socket = connect(port, address, () => resolve(true)).once("error", () => resolve(false));
        socket.once("connect", () => socket.destroy());
      });
    for (const port of broker.ports) {
      // All of 127.0.0.0/8 leads here (RFC 1122, section 3.2.1.3).
      assert.deepEqual([await isOpen(port, "127.0.0.1"), await isOpen(port, "127.0.0.2")], [true, false]);
    }
  });

  test("carries light naras over WebSocket and Go-like ones over TCP", SLOW, async () => {
    const gopher = new Gopher("gopher");
    await gopher.start(broker.tcp);
    const naras = await Promise.all(Array.from({ length: 4 }, () => Nara.wake({ plaza: broker.url })));
    const online = () => naras[0].status().peers.filter(({ presence }) => presence === "online").length;
    await until("the others", () => online() === 4 && gopher.peers.size === 4);
    assert.equal((await naras[0].stash.set({ a: 1 }, { deadline: 15_000 })).holders.length >= 3, true);
    await Promise.all(naras.map((nara) => nara.sleep()));
    await gopher.stop();
  });

  test("lets nobody read what is for another nara, by whatever filter", SLOW, async () => {
    const heard = [];
    const listen = async (username) => {
      const client = await mqtt.connectAsync(broker.url, { username, reconnectPeriod: 0 });
      client.on("message", (topic) => heard.push([username, topic]));
      for (const filter of ["#", "nara/#", "nara/mesh/#", "nara/mesh/+", "nara/mesh/idA", "$SYS/#"]) await client.subscribeAsync(filter).catch(() => {});
      return client;
    };
    const clients = await Promise.all(["idA", "idB", undefined].map(listen));
    for (const username of ["+", "#"]) clients.push(...(await listen(username).then((client) => [client], () => [])));
    // Whoever wants something retained is cut off, so that goes by a connection of its own.
    const keeper = await mqtt.connectAsync(broker.url, { reconnectPeriod: 0 });
    await keeper.publishAsync("nara/plaza/hey_there", "for ever", { retain: true });
    const speaker = await mqtt.connectAsync(broker.url, { reconnectPeriod: 0 });
    await speaker.publishAsync("nara/mesh/idA", "for A");
    await speaker.publishAsync("other/topic", "for nobody");
    await speaker.publishAsync("nara/plaza/hey_there", "for all");
    await until("everybody to hear the plaza", () => ["idA", "idB", undefined].every((name) => heard.some(([user, topic]) => user === name && topic === "nara/plaza/hey_there")));
    const others = heard.filter(([, topic]) => topic !== "nara/plaza/hey_there");
    assert.ok(others.length > 0);
    assert.deepEqual(others.filter(([user, topic]) => user !== "idA" || topic !== "nara/mesh/idA"), []);
    await Promise.all([keeper, speaker, ...clients].map((client) => client.endAsync(true)));
  });
});

test("with passwords a name is proven before anything is read", SLOW, async (t) => {
  const conf = block("conf").replace("allow_anonymous true\n", block("conf passwords"));
  const nara = { soul: undefined, name: "with-password" };
  const probe = await Nara.wake({ plaza: "ws://127.0.0.1:9/mqtt", name: nara.name });
  const { id, soul } = probe;
  await probe.sleep();
  const passwords = (folder) => execFileSync("mosquitto_passwd", ["-b", "-c", `${folder}/nara.passwd`, id, "secret"], { env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` } });
  const broker = await startMosquitto({ conf, files: { "nara.acl": block("acl") }, prepare: passwords });
  t.after(() => broker.stop());
  for (const [password, state] of [["secret", "online"], ["wrong", "waiting"], [undefined, "waiting"]]) {
    const one = await Nara.wake({ plaza: broker.url, soul, name: nara.name, credentials: () => ({ user: id, password }) });
    await until(`it to be ${state}`, () => one.status().connection.state === state);
    await one.sleep();
  }
});
