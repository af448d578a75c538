// What a browser may refuse a page: storage, room in it, randomness. The page says so, and goes on.
import assert from "node:assert/strict";
import { test } from "node:test";
import { untilText } from "../support/chromium.js";
import { browserAndHost, saveFirst } from "../support/visit.js";

const PATIENT = { timeout: 60_000 };
const SAFE = /3 of 3 confidants hold it/;

const shared = browserAndHost();

test("a browser that keeps nothing on the device", PATIENT, async (t) => {
  const refuse = () => {
    Object.defineProperty(globalThis, "localStorage", { get: () => { throw new DOMException("refused", "SecurityError"); } });
  };
  const page = await shared.visit(t, { prepare: (page) => page.addInitScript(refuse) });
  await saveFirst(page);
  await page.getByTestId("remember").click();
  await page.getByText("so the soul was not remembered").waitFor();
  assert.equal(await page.getByTestId("remember").isChecked(), false);
  await untilText(page, "sentence", SAFE);
});

test("a device that is full", PATIENT, async (t) => {
  const page = await shared.visit(t);
  await saveFirst(page);
  await page.evaluate(() => {
    for (let size = 1 << 20; size >= 1; size = Math.floor(size / 2)) {
      try {
        for (let n = 0; ; n += 1) localStorage.setItem(`full-${size}-${n}`, "x".repeat(size));
      } catch (error) {
        if (error.name !== "QuotaExceededError") throw error;
      }
    }
  });
  await page.getByTestId("remember").click();
  await page.getByText("so the soul was not remembered").waitFor();
  assert.equal(await page.getByTestId("remember").isChecked(), false);
  await page.getByTestId("memory-editor").fill('{"tea":"sencha"}');
  await page.getByTestId("save").click();
  await untilText(page, "sentence", /version 2/);
});

test("a platform without randomness", PATIENT, async (t) => {
  const refuse = () => {
    const give = crypto.getRandomValues.bind(crypto);
    globalThis.isRefused = true;
    crypto.getRandomValues = (into) => {
      if (isRefused) throw new DOMException("refused", "OperationError");
      return give(into);
    };
  };
  const page = await shared.visit(t, { prepare: (page) => page.addInitScript(refuse) });
  await page.getByTestId("start-new").click();
  await page.getByText("Could not wake up: this platform gives no randomness").waitFor();
  const code = await page.evaluate(async (plaza) => {
    const { Nara } = await import("/nara/pkg/index.js");
    return Nara.wake({ plaza }).catch(({ name, code }) => `${name} ${code}`);
  }, shared.host.plaza);
  assert.equal(code, "NaraError no_randomness");
  await page.evaluate(() => (isRefused = false));
  await saveFirst(page);
});
