// A soul leaves one browser and comes into another, by every way that the page offers; it is shown only when asked for.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import decodeQR from "qr/decode.js";
import { openPage, untilText } from "../support/chromium.js";
import { browserAndHost, saveFirst } from "../support/visit.js";

const PATIENT = { timeout: 90_000 };

/** A profile with a saved memory, and the soul by both ways out. */
let first;
let name;
let file;
let line;
const shared = browserAndHost({
  also: async ({ browser, host }) => {
    first = await openPage(browser, host.url);
    await saveFirst(first.page);
    await untilText(first.page, "sentence", /Keep your soul/);
    name = await untilText(first.page, "name", /./);
  },
});

test("printing puts the soul on paper alone, and takes it out of the document again", PATIENT, async () => {
  const { page } = first;
  await page.evaluate(() => {
    globalThis.print = () => (globalThis.printed = document.querySelector("#sheet").textContent);
  });
  await page.getByTestId("print-soul").click();
  await page.waitForFunction(() => globalThis.printed);
  assert.match(await page.evaluate(() => globalThis.printed), /, printed \d{1,2} \w+ \d{4}, \d\d:\d\d:\d\d$/);
  await page.emulateMedia({ media: "print" });
  assert.equal(await page.locator("#sheet").isVisible(), true);
  assert.equal(await page.locator("#home").isVisible(), false);
  await page.emulateMedia({ media: "screen" });
  await page.evaluate(() => dispatchEvent(new Event("afterprint")));
  assert.equal(await page.locator("#sheet").textContent(), "");
});

test("a password manager gets name and soul from a form that is empty while it is closed", PATIENT, async () => {
  const { page } = first;
  assert.equal(await page.getByTestId("keeper-soul").inputValue(), "");
  await page.getByTestId("keeper").click();
  await page.waitForFunction(() => document.querySelector("#keeper-soul").value.length > 40);
  await page.getByText("Save in password manager").click();
  await untilText(page, "soul-said", /password manager asks/);
  await page.waitForFunction(() => document.querySelector("#keeper-soul").value === "");
});

test("the soul is saved as a file, and shown with a code that another program reads", PATIENT, async () => {
  const { page, complaints, close } = first;
  await page.getByTestId("show-soul").click();
  const soul = await untilText(page, "soul", /./);
  await page.getByTestId("soul-qr").locator("svg").waitFor();
  line = decodeQR(await pixels(page), { timeLimit: 5_000 });
  assert.equal(line, `${soul} ${name}`);

  const [download] = await Promise.all([page.waitForEvent("download"), page.getByTestId("save-soul").click()]);
  assert.equal(download.suggestedFilename(), `${name}.soul.json`);
  file = await readFile(await download.path());
  assert.equal(JSON.parse(file).soul, soul);
  await page.getByTestId("soul-kept").click();
  assert.equal(await page.getByTestId("soul").textContent(), "");
  assert.deepEqual(complaints, []);
  await close();
});

/** The code as a camera would see it. */
async function pixels(page) {
  const { data, ...size } = await page.evaluate(async () => {
    const picture = document.querySelector("#soul-qr svg");
    const size = 4 * picture.viewBox.baseVal.width;
    const image = new Image(size, size);
    image.src = `data:image/svg+xml,${encodeURIComponent(new XMLSerializer().serializeToString(picture))}`;
    await image.decode();
    const canvas = new OffscreenCanvas(size, size).getContext("2d");
    canvas.drawImage(image, 0, 0, size, size);
    const { width, height, data } = canvas.getImageData(0, 0, size, size);
    return { width, height, data: [...data] };
  });
  return { ...size, data: Uint8Array.from(data) };
}

/** A profile of its own, as another browser would be, with its import form open. */
async function otherProfile(t) {
  const page = await shared.visit(t);
  await page.getByTestId("have-soul").click();
  return page;
}

test("a soul file brings name and memory into another browser profile, and shows nobody the soul", PATIENT, async (t) => {
  const page = await otherProfile(t);
  const give = (buffer) => page.getByTestId("soul-file-input").setInputFiles({ name: "soul.json", mimeType: "application/json", buffer });
  await give(Buffer.from('{"soul":7}'));
  await untilText(page, "soul-error", /holds no soul/);
  await give(file);
  assert.equal(await untilText(page, "name", /./), name);
  await untilText(page, "recovery", /came back from/);
  await page.waitForFunction(() => document.querySelector("#memory-editor").value.includes("oolong"));
  const shown = await page.evaluate(() => document.documentElement.outerHTML + [...document.querySelectorAll("input")].map(({ value }) => value));
  assert.ok(!shown.includes(JSON.parse(file).soul));
});

test("what a code said wakes the same nara when it is pasted", PATIENT, async (t) => {
  const page = await otherProfile(t);
  await page.getByTestId("soul-input").fill(line);
  await page.getByTestId("import").click();
  assert.equal(await untilText(page, "name", /./), name);
});
