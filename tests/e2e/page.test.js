// The page in a browser: bad input, lost brokers, small screens, and the package in a worker.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { launchChromium, openPage, untilText } from "../support/chromium.js";
import { startCommand } from "../support/command.js";

const BONDED = { soul: "5ThK1oqd8bZSPzFd7tGBw7o5bQvq4Jzjyr1zZdaRhzQ3TU42NQZaoji", name: "gopher-01" };
const PATIENT = { timeout: 120_000 };

let browser;
let host;
before(async () => {
  browser = await launchChromium();
  host = await startCommand();
});
after(async () => {
  await browser?.close();
  await host?.stop();
});

/** A visit that ends with the test, and had nothing to complain about. */
async function visit(t, options = {}) {
  const { page, complaints, close } = await openPage(browser, options.url ?? host.url, options);
  t.after(async () => {
    await close();
    assert.deepEqual(complaints, []);
  });
  return page;
}

async function startNew(page) {
  await page.getByTestId("start-new").click();
  await untilText(page, "name", /./);
}

test("text that is no JSON is refused with its line and column, and stays", PATIENT, async (t) => {
  const page = await visit(t);
  await startNew(page);
  const text = '{\n  "tea": oolong\n}';
  await page.getByTestId("memory-editor").fill(text);
  await page.getByTestId("save").click();
  await untilText(page, "json-error", /line 2, column 10/i);
  assert.equal(await page.getByTestId("memory-editor").inputValue(), text);
});

test("a memory over 10 KiB is refused with the figure, and stays", PATIENT, async (t) => {
  const page = await visit(t);
  await startNew(page);
  const text = JSON.stringify("x".repeat(10_300));
  await page.getByTestId("memory-editor").fill(text);
  await page.getByTestId("save").click();
  await untilText(page, "json-error", /10[, ]?240/);
  assert.equal(await page.getByTestId("memory-editor").inputValue(), text);
});

test("a soul that is none is refused with a sentence", PATIENT, async (t) => {
  const page = await visit(t);
  await page.getByTestId("have-soul").click();
  await page.getByTestId("soul-input").fill("not a soul");
  await page.getByTestId("import").click();
  await page.getByText(/this is not a soul/i).waitFor();
  assert.equal(await page.getByTestId("soul-input").inputValue(), "not a soul");
});

test("a soul bonded to a chosen name asks for the name, and wakes with it", PATIENT, async (t) => {
  const page = await visit(t);
  await page.getByTestId("have-soul").click();
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
  const page = await visit(t, { url: alone.url });
  await startNew(page);
  await untilText(page, "sentence", /reaching the plaza/i);
  await page.getByTestId("memory-editor").fill('{"kept":true}');
  await page.getByTestId("save").click();
  assert.equal(await page.getByTestId("memory-editor").inputValue(), '{"kept":true}');
});

test("the soul is on this device only while the box is ticked", PATIENT, async (t) => {
  const page = await visit(t);
  await startNew(page);
  const kept = () => page.evaluate(() => Object.keys(localStorage));
  assert.deepEqual(await kept(), []);
  await page.getByTestId("remember").check();
  assert.deepEqual(await kept(), ["light-nara:soul"]);
  await page.getByTestId("remember").uncheck();
  assert.deepEqual(await kept(), []);
});

for (const width of [1280, 360]) {
  test(`at ${width} pixels nothing sticks out sideways`, PATIENT, async (t) => {
    const page = await visit(t, { viewport: { width, height: 780 } });
    const overhang = () => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.ok((await overhang()) <= 0);
    await startNew(page);
    await page.getByTestId("memory-editor").fill(JSON.stringify({ long: "x".repeat(2_000) }));
    assert.ok((await overhang()) <= 0);
  });
}

test("a nara lives in a worker too", PATIENT, async (t) => {
  const project = await serveProject();
  t.after(() => project.close());
  const page = await visit(t, { url: `http://127.0.0.1:${project.address().port}/` });
  const answer = await page.evaluate((plaza) => new Promise((resolve, reject) => {
    const worker = new Worker("/worker.js", { type: "module" });
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = (event) => reject(new Error(event.message));
    worker.postMessage(plaza);
  }), host.plaza);
  assert.equal(answer.error, undefined);
  assert.match(answer.name, /^[a-z]+-[a-z]+-\d{3}$/);
  assert.equal(answer.holders, 3);
});

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
  import { Nara } from "./nara/index.js";
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
