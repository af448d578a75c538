// Opens the page in the machine's own Chromium.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium as engine } from "playwright-core";
import { chromium as find } from "../../scripts/setup.js";

/** The browser, with the same switches as the WebAssembly tests use, and the options given. */
export async function launchChromium(options = {}) {
  const { executablePath, args } = command();
  return engine.launch({ executablePath, args: args.filter((arg) => arg !== "--headless"), ...options });
}

function command() {
  const executablePath = find();
  if (executablePath === null) throw new Error("Chromium is not installed; npm test installs it");
  const { args } = JSON.parse(readFileSync(new URL("../../webdriver.json", import.meta.url)))["goog:chromeOptions"];
  return { executablePath, args };
}

/**
 * A browser whose tabs can be frozen. Where Playwright starts it, every tab is taken to be looked at, and such a tab is
 * never frozen, whatever DevTools ask for. Returns `{ open, stop }`; `open(url)` returns `{ page, freeze, thaw }`.
 */
export async function launchFreezable() {
  const { executablePath, args } = command();
  const profile = await mkdtemp(join(tmpdir(), "light-nara-chromium-"));
  const child = spawn(executablePath, [...args, "--remote-debugging-port=0", `--user-data-dir=${profile}`, "about:blank"], { stdio: ["ignore", "ignore", "pipe"] });
  const ended = new Promise((resolve) => child.once("error", resolve).once("close", resolve));
  let browser;
  const stop = async () => {
    await browser?.close().catch(() => {});
    child.kill("SIGKILL");
    await ended;
    await rm(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  };
  try {
    const address = new Promise((resolve) => {
      let text = "";
      child.stderr.setEncoding("utf8").on("data", (more) => {
        text = (text + more).slice(-10_000);
        const found = /DevTools listening on (ws:\S+)/.exec(text);
        if (found !== null) resolve(found[1]);
      });
    });
    const endpoint = await Promise.race([address, ended.then((why) => { throw new Error(`Chromium ended with ${why}`); })]);
    browser = await engine.connectOverCDP(endpoint, { noDefaults: true });
  } catch (error) {
    await stop();
    throw error;
  }
  const [context] = browser.contexts();
  return {
    stop,
    async open(url, prepare = async () => {}) {
      const page = await context.newPage();
      await prepare(page);
      await page.goto(url);
      const tools = await context.newCDPSession(page);
      return {
        page,
        freeze: () => tools.send("Page.setWebLifecycleState", { state: "frozen" }),
        /** As when somebody comes back to the tab. */
        async thaw() {
          await tools.send("Page.setWebLifecycleState", { state: "active" });
          await page.bringToFront();
        },
      };
    },
  };
}

/**
 * A page of its own at `url`, in a context that knows nothing but what
 * `remembered`, the local storage, holds. `prepare` is given it before anything
 * is loaded. `complaints` collects what the page reports as an error, a broken
 * content policy among it.
 */
export async function openPage(browser, url, { remembered = {}, prepare = async () => {}, viewport = { width: 1280, height: 900 }, colorScheme = "light" } = {}) {
  const localStorage = Object.entries(remembered).map(([name, value]) => ({ name, value }));
  const context = await browser.newContext({
    viewport,
    colorScheme,
    storageState: { cookies: [], origins: [{ origin: new URL(url).origin, localStorage }] },
  });
  const page = await context.newPage();
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    // A broker that is away is told of by the browser too, and is no fault of the page.
    if (message.type() === "error" && !message.text().includes("WebSocket connection to")) complaints.push(message.text());
  });
  await prepare(page);
  await page.goto(url);
  return { page, complaints, close: () => context.close() };
}

/** Waits until an element's text fits, and returns the text. */
export async function untilText(page, testId, pattern, timeoutMs = 45_000) {
  const element = page.getByTestId(testId);
  const deadline = Date.now() + timeoutMs;
  let text = "";
  while (Date.now() < deadline) {
    text = ((await element.textContent().catch(() => null)) ?? "").trim();
    if (pattern.test(text)) return text;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`waited ${timeoutMs / 1000} s for ${testId} to read ${pattern}; it reads "${text}"`);
}
