// One soul in several tabs, and a tab that the browser keeps aside: nothing is lost, and never two live.
import assert from "node:assert/strict";
import { test } from "node:test";
import { openPage, untilText } from "../support/chromium.js";
import { browserAndHost, saveFirst } from "../support/visit.js";

const PATIENT = { timeout: 90_000 };

const shared = browserAndHost({ launch: { ignoreDefaultArgs: ["--disable-back-forward-cache"] } });

/** A tab with a saved memory and a remembered soul. */
async function livingTab(t) {
  const page = await shared.visit(t);
  await saveFirst(page);
  await page.getByTestId("remember").check();
  return page;
}

test("a second tab mirrors the first, takes over, and keeps the draft", PATIENT, async (t) => {
  const first = await livingTab(t);
  const second = await first.context().newPage();
  await second.goto(shared.host.url);
  await untilText(second, "sentence", /another tab of this browser/i);
  await second.waitForFunction(() => document.querySelector("#memory-editor").value.includes("oolong"));
  assert.equal(await second.locator("#memory-editor").getAttribute("readonly"), "");

  await first.getByTestId("memory-editor").fill('{"tea":"sencha"}');
  await second.waitForFunction(() => document.querySelector("#memory-editor").value.includes("sencha"));
  await second.getByText("Use this tab instead").click();
  await untilText(first, "sentence", /another tab of this browser/i);
  await second.waitForFunction(() => document.body.dataset.phase === "awake");
  assert.equal(await second.getByTestId("memory-editor").inputValue(), '{"tea":"sencha"}');
});

test("where the browser has no locks, as on a page without HTTPS, a second tab is refused, and both say why", PATIENT, async (t) => {
  const lockless = (page) => page.addInitScript(() => Object.defineProperty(Navigator.prototype, "locks", { get: () => undefined }));
  const first = await openPage(shared.browser, shared.host.url, { prepare: lockless });
  t.after(first.close);
  await first.page.getByTestId("start-new").click();
  await untilText(first.page, "sentence", /without HTTPS.*only one tab can be used/);
  await first.page.getByTestId("remember").check();
  const second = await first.page.context().newPage();
  await lockless(second);
  await second.goto(shared.host.url);
  await untilText(second, "sentence", /Another tab .* Close it, then reload this one\..*without HTTPS/);
  assert.equal(await second.getByTestId("safety-action").isVisible(), false);
});

test("a tab brought back from the browser's cache wakes again", PATIENT, async (t) => {
  const page = await livingTab(t);
  await page.evaluate(() => {
    globalThis.before = true;
    addEventListener("pageshow", ({ persisted }) => (globalThis.persisted = persisted));
  });
  // The soul is kept by now, so the browser has nothing to ask.
  await page.goto(`${shared.host.url}config.json`);
  // A page from the cache loads nothing, so there is no load to wait for.
  await page.goBack({ waitUntil: "commit" });
  await page.waitForFunction(() => globalThis.persisted !== undefined, null, { timeout: 10_000 });
  assert.deepEqual(await page.evaluate(() => [globalThis.before, globalThis.persisted]), [true, true]);
  await untilText(page, "sentence", /3 of 3 confidants hold it/);
  assert.equal(await page.getByTestId("memory-editor").inputValue(), '{"tea":"oolong"}');
});

test("forget everywhere says what it cannot do first, and who forgot after", PATIENT, async (t) => {
  const page = await livingTab(t);
  await page.getByTestId("forget").click();
  await page.getByText(/keep what they hold until they restart/).waitFor();
  await page.getByTestId("forget-yes").click();
  await untilText(page, "forget-said", /^Forgotten in this tab\. .* forgot it\./);
  assert.equal(await page.getByTestId("memory-editor").inputValue(), "");
  // "Cannot be undone" holds in the editor, too.
  assert.equal(await page.getByTestId("undo").getAttribute("aria-disabled"), "true");
  await page.getByTestId("memory-editor").press("Control+z");
  assert.equal(await page.getByTestId("memory-editor").inputValue(), "");
});

test("the log shows only lines with the words asked for, and what is copied for a helper has no soul in it", PATIENT, async (t) => {
  const page = await livingTab(t);
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  const copied = async (id) => {
    await page.getByTestId(id).click();
    return page.waitForFunction(() => navigator.clipboard.readText()).then((text) => text.jsonValue());
  };
  const soul = await copied("copy-soul");
  assert.match(soul, /^[1-9A-HJ-NP-Za-km-z]{50,}$/);
  await page.evaluate(() => navigator.clipboard.writeText(""));
  const diagnostics = await copied("copy-diagnostics");
  assert.equal(JSON.parse(diagnostics).status.connection.state, "online");
  assert.ok(!diagnostics.includes(soul) && !diagnostics.includes("oolong"));
  const shown = () => page.locator("#log li:visible").count();
  assert.ok((await shown()) > 0);
  await page.getByTestId("log-filter").fill("no line has these words");
  assert.equal(await shown(), 0);
});
