// A soul leaves one browser and comes into another, by every way that the page offers; it is shown only when asked for.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import decodeQR from "qr/decode.js";
import { launchChromium, openPage, untilText } from "../support/chromium.js";
import { startCommand } from "../support/command.js";

const PATIENT = { timeout: 90_000 };
const SAFE = /3 of 3 confidants hold it/;

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

/** A profile of its own, as another browser would be. */
async function profile(t) {
  const { page, complaints, close } = await openPage(browser, host.url);
  t.after(async () => {
    await close();
    assert.deepEqual(complaints, []);
  });
  return page;
}

async function savedMemory(t) {
  const page = await profile(t);
  await page.getByTestId("start-new").click();
  await page.getByTestId("memory-editor").fill('{"tea":"oolong"}');
  await untilText(page, "sentence", /not saved yet/i);
  await page.getByTestId("save").click();
  await untilText(page, "sentence", SAFE);
  return { page, name: await untilText(page, "name", /./) };
}

async function download(page, testId) {
  const [file] = await Promise.all([page.waitForEvent("download"), page.getByTestId(testId).click()]);
  return { name: file.suggestedFilename(), path: await file.path() };
}

test("a soul saved as a file brings name and memory into another browser profile", PATIENT, async (t) => {
  const { page, name } = await savedMemory(t);
  const file = await download(page, "save-soul");
  assert.equal(file.name, `${name}.soul.json`);
  const { soul } = JSON.parse(await readFile(file.path, "utf8"));
  await page.getByTestId("soul-kept").click();
  await page.close();

  const other = await profile(t);
  await other.getByTestId("have-soul").click();
  await other.getByTestId("soul-file-input").setInputFiles({ name: "wrong.json", mimeType: "application/json", buffer: Buffer.from('{"soul":7}') });
  await untilText(other, "soul-error", /holds no soul/);
  await other.getByTestId("soul-file-input").setInputFiles(file.path);
  assert.equal(await untilText(other, "name", /./), name);
  await untilText(other, "recovery", /came back from/);
  await other.waitForFunction(() => document.querySelector("#memory-editor").value.includes("oolong"));
  // It was asked for by nobody, so it is nowhere in the document.
  const shown = await other.evaluate(() => document.documentElement.outerHTML + [...document.querySelectorAll("input")].map(({ value }) => value));
  assert.ok(!shown.includes(soul));
});

test("a code on the screen, read by another program, wakes the same nara when it is pasted", PATIENT, async (t) => {
  const { page, name } = await savedMemory(t);
  await page.getByTestId("show-soul").click();
  const soul = await untilText(page, "soul", /./);
  await page.getByTestId("soul-qr").locator("svg").waitFor();
  const line = decodeQR(await pixels(page), { timeLimit: 5_000 });
  assert.equal(line, `${soul} ${name}`);
  await page.close();

  const other = await profile(t);
  await other.getByTestId("have-soul").click();
  await other.getByTestId("soul-input").fill(line);
  await other.getByTestId("import").click();
  assert.equal(await untilText(other, "name", /./), name);
  await untilText(other, "sentence", SAFE);
});

/** The code as a camera would see it. */
async function pixels(page) {
  const { data, ...size } = await page.evaluate(async () => {
    const source = new XMLSerializer().serializeToString(document.querySelector("#soul-qr svg"));
    const image = new Image(444, 444);
    image.src = `data:image/svg+xml,${encodeURIComponent(source)}`;
    await image.decode();
    const canvas = new OffscreenCanvas(444, 444).getContext("2d");
    canvas.drawImage(image, 0, 0, 444, 444);
    const { width, height, data } = canvas.getImageData(0, 0, 444, 444);
    return { width, height, data: [...data] };
  });
  return { ...size, data: Uint8Array.from(data) };
}

test("printing puts the soul on paper alone, and takes it out of the document again", PATIENT, async (t) => {
  const { page } = await savedMemory(t);
  await page.evaluate(() => {
    globalThis.print = () => (globalThis.printed = document.querySelector("#sheet").textContent);
  });
  await page.getByTestId("print-soul").click();
  await page.waitForFunction(() => globalThis.printed);
  await page.emulateMedia({ media: "print" });
  assert.equal(await page.locator("#sheet").isVisible(), true);
  assert.equal(await page.locator("#home").isVisible(), false);
  await page.emulateMedia({ media: "screen" });
  await page.evaluate(() => dispatchEvent(new Event("afterprint")));
  assert.equal(await page.locator("#sheet").textContent(), "");
});

test("a password manager gets name and soul from a form that is empty while it is closed", PATIENT, async (t) => {
  const { page } = await savedMemory(t);
  const value = () => page.getByTestId("keeper-soul").inputValue();
  assert.equal(await value(), "");
  await page.getByTestId("keeper").click();
  await page.waitForFunction(() => document.querySelector("#keeper-soul").value.length > 40);
  await page.getByText("Save in password manager").click();
  await untilText(page, "soul-said", /password manager asks/);
  await page.waitForFunction(() => document.querySelector("#keeper-soul").value === "");
});
