// The command `light-nara confidant`, as a service on a server, on a real mosquitto.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmod, mkdtemp, readFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { readOptions, soulFile } from "../../host/confidant.js";
import { runCommand } from "../support/command.js";
import { startMosquitto } from "../support/mosquitto.js";
import { Neighbourhood, untilPeers } from "../support/naras.js";
import { until } from "../support/until.js";

const CLI = fileURLToPath(new URL("../../host/cli.js", import.meta.url));
const plaza = "ws://127.0.0.1:9/mqtt";
const HAND_OFF_MS_MAX = 5_000;

for (const [args, expected] of [
  [[], /^--plaza is needed/],
  [["--plaza", plaza, "--memory", "huge"], /^--memory takes short, medium or hog, not "huge"$/],
  [["--plaza", plaza, "--port", "70000"], /^--port takes a whole number/],
  [["--plaza", plaza, "now"], /^unknown word "now"/],
]) {
  test(`confidant ${args.join(" ")} is refused with a sentence`, () => {
    assert.throws(() => readOptions(args), { name: "UsageError", message: expected });
  });
}

test("confidant --help names its options, and --help names confidant", async () => {
  assert.match((await runCommand("confidant", "--help")).stdout, /--soul-file FILE/);
  assert.match((await runCommand("--help")).stdout, /light-nara confidant/);
});

describe("a confidant on a mosquitto", { timeout: 240_000 }, () => {
  let folder;
  let broker;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "light-nara-confidant-"));
    broker = await startMosquitto();
  });
  after(async () => {
    await broker?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  async function start(soulFile = "soul") {
    const child = spawn(process.execPath, [CLI, "confidant", "--plaza", broker.url, "--port", "0", "--soul-file", join(folder, soulFile)]);
    let stdout = "";
    child.stdout.setEncoding("utf8").on("data", (text) => (stdout += text));
    const ended = new Promise((resolve) => child.once("close", resolve));
    const stop = () => (child.kill("SIGTERM"), ended);
    try {
      await until("the confidant", () => stdout.includes("is awake"));
      const url = /http:\S+(?=\/health)/.exec(stdout)[0];
      await until("the plaza", async () => (await fetch(`${url}/health`)).status === 200);
      return { url, stop, said: () => stdout, health: await (await fetch(`${url}/health`)).json() };
    } catch (error) {
      await stop();
      throw error;
    }
  }

  test("it says how it is, ends with 0 on SIGTERM, and is the same nara again", async () => {
    const first = await start();
    const metrics = await (await fetch(`${first.url}/metrics`)).text();
    assert.equal(await first.stop(), 0);
    assert.match(metrics, /^light_nara_online 1$/m);
    assert.match(metrics, /^light_nara_held_stashes_max 50$/m);
    const soul = await readFile(join(folder, "soul"), "utf8");
    assert.equal((await stat(join(folder, "soul"))).mode & 0o777, 0o600);
    assert.ok(!metrics.includes(soul.trim()));

    const second = await start();
    assert.equal(await second.stop(), 0);
    assert.deepEqual(second.health, first.health);
    assert.deepEqual(await readdir(folder), ["soul"]);
  });

  test("on SIGTERM it hands on within 5 s what it holds for those who are away", async (t) => {
    const neighbours = new Neighbourhood(broker.url);
    t.after(() => neighbours.sleep());
    const goes = await start("going");
    const owner = await neighbours.wake({ stash: { target: 1, spares: 0 } });
    await untilPeers(owner, 1);
    await owner.stash.set({ kept: "while I was away" });
    assert.deepEqual(owner.stash.confidants().map(({ id }) => id), [goes.health.id]);
    const stays = await neighbours.wake();
    await untilPeers(stays, 2);
    const seen = async () => Number(/^light_nara_peers_online (\d+)$/m.exec(await (await fetch(`${goes.url}/metrics`)).text())[1]);
    await until("both to be seen by it", async () => (await seen()) === 2);
    await owner.sleep();
    await until("the owner to be away", () => !stays.status().peers.some(({ id, presence }) => id === owner.id && presence === "online"));
    await until("the owner to be away there too", async () => (await seen()) === 1);
    assert.equal(stays.stash.hasStashFor(owner.id), false);

    const since = Date.now();
    assert.equal(await goes.stop(), 0);
    assert.ok(Date.now() - since < HAND_OFF_MS_MAX, `it took ${Date.now() - since} ms`);
    assert.equal(stays.stash.hasStashFor(owner.id), true);
    const again = await neighbours.wake({ soul: owner.soul });
    assert.deepEqual((await again.stash.recover()).data, { kept: "while I was away" });
  });

  test("two with one soul say that there are two", async () => {
    const both = [await start("shared"), await start("shared")];
    try {
      await until("one of them to notice", () => both.some(({ said }) => /another process or device lives as \S+, with the same soul/.test(said())));
    } finally {
      await Promise.all(both.map(({ stop }) => stop()));
    }
  });

  test("a soul that cannot be kept wakes nobody, and leaves no half a file", async () => {
    const { code, stderr } = await runCommand("confidant", "--plaza", broker.url, "--port", "0", "--soul-file", join(folder, "missing", "soul"));
    assert.equal(code, 1);
    assert.match(stderr, /^light-nara: --soul-file: .* cannot be made: there is no folder \S+missing\n$/);
  });

  test("a soul file is given for a soul, and takes nothing else", async () => {
    const path = join(folder, "alone");
    const storage = soulFile(path);
    await storage.set("light-nara:holders", "somebody");
    assert.equal(await storage.get("light-nara:soul"), null);
    await storage.set("light-nara:soul", "a soul");
    assert.equal(await storage.get("light-nara:soul"), "a soul");
    assert.equal(await storage.get("light-nara:holders"), null);
  });

  test("a file that holds no soul is refused, and left as it is", async () => {
    const path = join(folder, "poem");
    await writeFile(path, "roses are red\n", { mode: 0o600 });
    const { code, stderr } = await runCommand("confidant", "--plaza", broker.url, "--port", "0", "--soul-file", path);
    assert.equal(code, 1);
    assert.match(stderr, /soul/);
    assert.equal(await readFile(path, "utf8"), "roses are red\n");
  });

  test("a soul file that others can read is refused", async () => {
    await chmod(join(folder, "soul"), 0o644);
    const { code, stderr } = await runCommand("confidant", "--plaza", broker.url, "--port", "0", "--soul-file", join(folder, "soul"));
    assert.equal(code, 1);
    assert.match(stderr, /chmod 600 it/);
  });
});
