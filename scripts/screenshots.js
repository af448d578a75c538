// Takes pictures of the page, wide and narrow, light and dark, into target/screenshots: every state of the sentence from
// fixtures, then a visit to a real plaza. A sheet for each width and scheme shows all states at once.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "./build.js";
import { testPrograms } from "./setup.js";
import { root, runMain, say } from "./steps.js";

const WIDTHS = [1280, 360];
const SCHEMES = ["light", "dark"];
const SOUL_KEY = "light-nara:soul";
const MEMORY = { tea: "oolong, the roasted one", garden: { roses: "cut back in March", key: "under the third pot" }, visits: 12 };
const FOLDER = join(root, "target", "screenshots");

await runMain(async () => {
  await build();
  await testPrograms();
  // Only now, because these need the npm packages.
  const { launchChromium, openPage, untilText } = await import("../tests/support/chromium.js");
  const { startCommand } = await import("../tests/support/command.js");
  const { playOn, staged } = await import("../tests/support/stage.js");
  const { NOW, STATES, store } = await import("../tests/support/states.js");
  mkdirSync(FOLDER, { recursive: true });

  const host = await startCommand();
  const browser = await launchChromium();
  let taken = 0;
  const shoot = async (page, file, options = {}) => {
    await page.evaluate(() => scrollTo(0, 0));
    await page.screenshot({ path: join(FOLDER, `${file}.png`), animations: "disabled", ...options });
    taken += 1;
  };
  try {
    for (const width of WIDTHS) {
      for (const colorScheme of SCHEMES) {
        const look = `${width}-${colorScheme}`;
        const options = { viewport: { width, height: width > 600 ? 900 : 780 }, colorScheme };
        await states(look, options);
        await visit(look, options);
        say(`target/screenshots/*-${look}.png, all states in sheet-${look}.png`);
      }
    }
  } finally {
    await browser.close();
    await host.stop();
  }
  say(`${taken} pictures`);

  async function states(look, options) {
    const context = await browser.newContext(options);
    const page = await context.newPage();
    const complaints = [];
    page.on("pageerror", (error) => complaints.push(String(error)));
    await page.clock.setFixedTime(NOW);
    const play = await playOn(page, host.url);
    const files = [];
    for (const [name, given] of STATES) {
      await play(staged(store(given), given, MEMORY));
      files.push({ name, file: `state-${name.replace(/[^a-z]+/gi, "-")}-${look}` });
      await shoot(page, files.at(-1).file);
    }
    await context.close();
    if (complaints.length > 0) throw new Error(complaints.join("\n"));
    await sheet(look, files, options.viewport);
  }

  /** All states on one picture, to be looked at side by side. */
  async function sheet(look, files, { width, height }) {
    const columns = width > 600 ? 4 : 9;
    const page = await browser.newPage({ viewport: { width: columns * 400, height: 900 } });
    const folder = pathToFileURL(`${FOLDER}/`).href;
    await page.goto(folder);
    await page.evaluate(({ files, columns, ratio }) => {
      const grid = document.createElement("div");
      grid.style.cssText = `display:grid;gap:12px;font:14px sans-serif;grid-template-columns:repeat(${columns},1fr)`;
      for (const { name, file } of files) {
        const cell = document.createElement("figure");
        const image = new Image();
        cell.style.margin = "0";
        image.src = file;
        image.style.cssText = `width:100%;aspect-ratio:${ratio};object-fit:cover;object-position:top;border:1px solid #888`;
        cell.append(image, name);
        grid.append(cell);
      }
      document.body.replaceChildren(grid);
      return Promise.all([...document.images].map((image) => image.decode()));
    }, { files: files.map(({ name, file }) => ({ name, file: `${folder}${file}.png` })), columns, ratio: width / height });
    await shoot(page, `sheet-${look}`, { fullPage: true });
    await page.close();
  }

  async function visit(look, options) {
    const first = await openPage(browser, host.url, options);
    await first.page.getByTestId("start-new").waitFor();
    await shoot(first.page, `welcome-${look}`, { fullPage: true });
    await first.page.getByTestId("have-soul").click();
    await shoot(first.page, `import-${look}`, { fullPage: true });
    await first.page.getByTestId("start-new").click();
    await untilText(first.page, "name", /./);
    await first.page.getByTestId("memory-editor").fill(JSON.stringify(MEMORY, null, 2));
    await untilText(first.page, "sentence", /not saved yet/i);
    await first.page.getByTestId("save").click();
    await untilText(first.page, "sentence", /3 of 3 confidants hold it/);
    await shoot(first.page, `saved-${look}`, { fullPage: true });
    await first.page.getByTestId("remember").check();
    const soul = await first.page.evaluate((key) => localStorage.getItem(key), SOUL_KEY);
    await first.close();

    const second = await openPage(browser, host.url, { ...options, remembered: { [SOUL_KEY]: soul } });
    await untilText(second.page, "recovery", /came back from/);
    await untilText(second.page, "sentence", /3 of 3 confidants hold it/);
    await shoot(second.page, `recovered-${look}`, { fullPage: true });
    await second.page.getByTestId("memory-editor").fill(JSON.stringify({ ...MEMORY, visits: 13 }, null, 2));
    for (const id of ["show-compare", "show-soul", "keeper", "neighbours", "forget"]) await second.page.getByTestId(id).click();
    await second.page.getByTestId("soul-qr").locator("svg").waitFor();
    await shoot(second.page, `open-${look}`, { fullPage: true });
    await second.close();
  }
});
