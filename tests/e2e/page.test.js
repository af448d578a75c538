// The page in a browser: bad input, lost brokers, small screens, and the package in a worker.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { test } from "node:test";
import { untilText } from "../support/chromium.js";
import { startCommand } from "../support/command.js";
import { until } from "../support/until.js";
import { browserAndHost } from "../support/visit.js";

const BONDED = { soul: "5ThK1oqd8bZSPzFd7tGBw7o5bQvq4Jzjyr1zZdaRhzQ3TU42NQZaoji", name: "gopher-01" };
const PATIENT = { timeout: 120_000 };

const shared = browserAndHost();

async function startNew(page) {
  await page.getByTestId("start-new").click();
  await untilText(page, "name", /./);
}

test("text that is no JSON is refused with its line and column, one over 10 KiB with the figure, and both stay", PATIENT, async (t) => {
  const page = await shared.visit(t);
  await startNew(page);
  const refused = async (text, why) => {
    await page.getByTestId("memory-editor").fill(text);
    await page.getByTestId("save").click();
    await untilText(page, "json-error", why);
    assert.equal(await page.getByTestId("memory-editor").inputValue(), text);
  };
  await refused('{\n  "tea": oolong\n}', /line 2, column 10/i);
  await refused(JSON.stringify("x".repeat(10_300)), /10[, ]?240/);
});

test("a soul that is none is refused with a sentence; one bonded to a chosen name asks for it, and wakes with it", PATIENT, async (t) => {
  const page = await shared.visit(t);
  await page.getByTestId("have-soul").click();
  await page.getByTestId("soul-input").fill("not a soul");
  await page.getByTestId("import").click();
  await page.getByText(/this is not a soul/i).waitFor();
  assert.equal(await page.getByTestId("soul-input").inputValue(), "not a soul");

  await page.getByTestId("soul-input").fill(BONDED.soul);
  await page.getByTestId("import").click();
  await page.getByText(/belongs to a name that you chose/i).waitFor();
  await page.getByTestId("name-input").fill(BONDED.name);
  await page.getByTestId("import").click();
  assert.equal(await untilText(page, "name", /./), BONDED.name);
});

test("a broker that cannot be reached is said plainly, and edits stay", PATIENT, async (t) => {
  const alone = await startCommand("--broker", "ws://127.0.0.1:9/mqtt", "--residents", "0");
  t.after(() => alone.stop());
  const page = await shared.visit(t, { url: alone.url });
  await startNew(page);
  await untilText(page, "sentence", /reaching the plaza/i);
  await page.getByTestId("memory-editor").fill('{"kept":true}');
  await page.getByTestId("save").click();
  await untilText(page, "save-error", /^Not saved: /);
  assert.equal(await page.getByTestId("memory-editor").inputValue(), '{"kept":true}');
});

test("the soul is on this device only while the box is ticked", PATIENT, async (t) => {
  const page = await shared.visit(t);
  await startNew(page);
  const kept = () => page.evaluate(() => Object.keys(localStorage));
  assert.deepEqual(await kept(), []);
  await page.getByTestId("remember").check();
  assert.deepEqual(await kept(), ["light-nara:soul"]);
  await page.getByTestId("remember").uncheck();
  assert.deepEqual(await kept(), []);
});

test("a soul that another tab remembered is neither replaced nor forgotten", PATIENT, async (t) => {
  const one = await shared.visit(t);
  await startNew(one);
  const two = await one.context().newPage();
  await two.goto(one.url());
  await startNew(two);
  await one.getByTestId("remember").check();
  const kept = () => two.evaluate(() => localStorage.getItem("light-nara:soul"));
  // What one tab writes is there for the other a little later.
  const soul = await until("the soul to be kept", kept);
  await two.getByTestId("remember").click();
  await two.getByText(/remembers another soul, which would be lost/).waitFor();
  assert.equal(await two.getByTestId("remember").isChecked(), false);
  assert.equal(await kept(), soul);
  await one.getByTestId("remember").uncheck();
  await until("the soul to be gone", async () => (await kept()) === null);
});

test("from 360 pixels to wide nothing sticks out sideways", PATIENT, async (t) => {
  const page = await shared.visit(t);
  const nothingSticksOut = async () => {
    for (const width of [360, 640, 1280, 2560]) {
      await page.setViewportSize({ width, height: 780 });
      const overhang = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.ok(overhang <= 0, `${overhang} px at ${width} px`);
    }
  };
  await nothingSticksOut();
  await startNew(page);
  await page.getByTestId("memory-editor").fill(JSON.stringify({ long: "x".repeat(2_000) }));
  await nothingSticksOut();
});

test("a nara lives in a worker too", PATIENT, async (t) => {
  const page = await projectPage(t);
  const answer = await page.evaluate((plaza) => new Promise((resolve, reject) => {
    const worker = new Worker("/worker.js", { type: "module" });
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = (event) => reject(new Error(event.message));
    worker.postMessage(plaza);
  }), shared.host.plaza);
  assert.equal(answer.error, undefined);
  assert.match(answer.name, /^[a-z]+-[a-z]+-\d{3}$/);
  assert.equal(answer.holders, 3);
});

test("through the worker's face, errors keep their codes, calls can be aborted, and what runs ends with the worker", PATIENT, async (t) => {
  const page = await projectPage(t);
  const found = await page.evaluate(async (plaza) => {
    const { Nara, NaraError } = await import("/nara/pkg/worker.js");
    const why = (promise) => promise.then(() => "done", (error) => (error instanceof NaraError ? error.code : String(error)));
    const stop = new AbortController();
    const nara = await Nara.wake({ plaza });
    // Nobody is there, so these wait for their deadline.
    const alone = await Nara.wake({ plaza: "ws://127.0.0.1:9/mqtt" });
    const waiting = why(alone.stash.set({ kept: "here" }, { signal: stop.signal, deadline: 60_000 }));
    stop.abort();
    const found = {
      tooLarge: await why(nara.stash.set("x".repeat(10_240))),
      notJson: await why(nara.stash.set({ f() {} })),
      unknown: await why(nara.stash.storeWith("nobody")),
      plaza: await why(Nara.wake({ plaza: "http://127.0.0.1" })),
      soul: await why(Nara.wake({ plaza, soul: "no soul" })),
      before: await why(nara.stash.recover({ signal: AbortSignal.abort() })),
      meanwhile: await waiting,
    };
    const cut = why(alone.stash.set({ kept: "here" }, { deadline: 60_000 }));
    await Promise.all([alone.sleep(), nara.sleep()]);
    return { ...found, cut: await cut, after: await why(nara.status()) };
  }, shared.host.plaza);
  assert.deepEqual(found, {
    tooLarge: "too_large", notJson: "not_json", unknown: "not_found", plaza: "plaza_url", soul: "soul_invalid",
    before: "aborted", meanwhile: "aborted", cut: "asleep", after: "asleep",
  });
});

/** A page of somebody else's project. */
async function projectPage(t) {
  const project = await serveProject();
  t.after(() => project.close());
  return shared.visit(t, { url: `http://127.0.0.1:${project.address().port}/` });
}

/** A project of somebody else's: a page, a worker, and the package's files beside them. */
async function serveProject() {
  const own = {
    "/": ["text/html", '<!doctype html><link rel="icon" href="data:,">'],
    "/worker.js": ["text/javascript", WORKER],
  };
  const server = createServer(async (request, response) => {
    const [type, body] = own[request.url] ?? [
      request.url.endsWith(".wasm") ? "application/wasm" : "text/javascript",
      await readFile(new URL(`../../www${request.url}`, import.meta.url)),
    ];
    response.writeHead(200, { "Content-Type": type }).end(body);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

const WORKER = `
  import { Nara } from "./nara/pkg/index.js";
  onmessage = async ({ data: plaza }) => {
    const nara = await Nara.wake({ plaza, memory: "medium" });
    try {
      const { holders } = await nara.stash.set({ from: "a worker" });
      postMessage({ name: nara.name, holders: holders.length });
    } catch (error) {
      postMessage({ error: String(error) });
    }
    await nara.sleep();
  };
`;
