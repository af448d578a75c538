// The main job: a memory that outlives its tab, over a real broker, in a real browser.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import mqtt from "mqtt";
import { launchChromium, openPage, untilText } from "../support/chromium.js";
import { spawnCommand, startCommand } from "../support/command.js";
import { freePorts, startMosquitto } from "../support/mosquitto.js";
import { until } from "../support/until.js";

const SOUL_KEY = "light-nara:soul";
const MEMORY = { tea: "oolong", cups: 3, note: "日本 < & >" };
const PATIENT = { timeout: 180_000 };

let browser;
before(async () => (browser = await launchChromium()));
after(() => browser?.close());

test("on the embedded plaza, a memory is back after its tab was closed and its storage wiped", PATIENT, async (t) => {
  const host = await startCommand();
  t.after(() => host.stop());
  assert.equal(new URL(host.plaza).port, new URL(host.url).port);
  const { soul, name } = await writeMemory(host.url);
  await readMemory(host.url, { soul, name, residents: residentsOf(host) });
});

test("with one mosquitto for two hosts, a tab on the first, at a gateway of its own, has its memory back from confidants attached to the second", PATIENT, async (t) => {
  const mosquitto = await startMosquitto();
  t.after(() => mosquitto.stop());
  const [port] = await freePorts(1);
  const gateway = spawnCommand(["gateway", "--port", "0", "--address", "127.0.0.2", "--origin", `http://127.0.0.1:${port}`]);
  t.after(() => gateway.stop());
  const link = await until("the gateway", () => /ws:\S+/.exec(gateway.stdout())?.[0]);
  const [first, second] = await Promise.all([
    startCommand("--broker", mosquitto.url, "--residents", "0", "--gateway", link, "--port", String(port)),
    startCommand("--broker", mosquitto.url, "--residents", "5"),
  ]);
  t.after(() => Promise.all([first.stop(), second.stop()]));
  assert.match(first.stdout(), /nobody lives here/);
  // The embedded plaza is not even there when the host uses another broker.
  assert.notEqual(new URL(first.plaza).port, new URL(first.url).port);

  const greetings = [];
  const client = await mqtt.connectAsync(mosquitto.tcp, { reconnectPeriod: 0 });
  t.after(() => client.endAsync(true));
  client.on("message", (_, bytes) => greetings.push(JSON.parse(bytes).hey_there));
  await client.subscribeAsync("nara/plaza/hey_there");
  const { soul, name } = await writeMemory(first.url, async (name) => {
    const { MeshIP: address } = await until("the tab's address", () => greetings.find((one) => one.From === name && one.MeshIP !== ""));
    assert.match(address, /^127\.0\.0\.2:\d+$/);
    const ping = await (await fetch(`http://${address}/ping`)).json();
    assert.deepEqual([ping.from, ping.mesh_ip], [name, address]);
  });
  await readMemory(first.url, { soul, name, residents: residentsOf(second) });
});

function residentsOf(host) {
  const residents = /living here: (.*);/.exec(host.stdout())[1].split(", ");
  assert.equal(residents.length, 5);
  return residents;
}

/** The first visit: a nara is born, writes a memory, and goes. */
async function writeMemory(url, meanwhile = async () => {}) {
  const { page, complaints, close } = await openPage(browser, url);
  await page.getByTestId("start-new").click();
  const name = await untilText(page, "name", /^[a-z]+-[a-z]+-\d{3}$/);
  await page.getByTestId("memory-editor").fill(JSON.stringify(MEMORY, null, 2));
  await untilText(page, "sentence", /not saved yet/i);
  await page.getByTestId("save").click();
  await untilText(page, "sentence", /3 of 3 confidants hold it/);
  await meanwhile(name);
  await page.getByTestId("remember").check();
  const kept = await page.evaluate(() => ({ ...localStorage }));
  const { soul, name: keptName } = JSON.parse(kept[SOUL_KEY]);
  assert.equal(keptName, name);
  await nothingButTheSoul(page, kept);
  assert.deepEqual(complaints, []);
  await page.close();
  await close();
  return { soul, name };
}

/** The memory is never on this disk, in whatever storage a browser has. */
async function nothingButTheSoul(page, kept) {
  assert.ok(!JSON.stringify(kept).includes("oolong"));
  const others = await page.evaluate(async () => ({
    session: { ...sessionStorage },
    databases: await indexedDB.databases(),
    caches: await caches.keys(),
    cookies: document.cookie,
    address: location.href,
  }));
  assert.deepEqual({ ...others, address: "" }, { session: {}, databases: [], caches: [], cookies: "", address: "" });
  assert.ok(!others.address.includes(JSON.parse(kept[SOUL_KEY]).soul));
}

/** The second visit: a new browser context, which has the soul and nothing else. */
async function readMemory(url, { soul, name, residents }) {
  const remembered = { [SOUL_KEY]: JSON.stringify({ soul, name }) };
  const { page, complaints, close } = await openPage(browser, url, { remembered });
  assert.equal(await untilText(page, "name", /./), name);
  const recovery = await untilText(page, "recovery", /came back from/);
  assert.ok(residents.some((resident) => recovery.includes(resident)), recovery);
  assert.match(recovery, /\d\s?(ms|s)\b/);
  await page.waitForFunction(() => document.querySelector("[data-testid=memory-editor]").value !== "");
  assert.deepEqual(JSON.parse(await page.getByTestId("memory-editor").inputValue()), MEMORY);
  await untilText(page, "sentence", /3 of 3 confidants hold it/);
  assert.deepEqual(complaints, []);
  await close();
}
