// Takes pictures of the page, wide and narrow, light and dark, into target/screenshots.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { build } from "./build.js";
import { testPrograms } from "./setup.js";
import { root, runMain, say } from "./steps.js";

const WIDTHS = [1280, 360];
const SCHEMES = ["light", "dark"];
const SOUL_KEY = "light-nara:soul";
const MEMORY = { tea: "oolong, the roasted one", garden: { roses: "cut back in March", key: "under the third pot" }, visits: 12 };

await runMain(async () => {
  await build();
  await testPrograms();
  // Only now, because these need the npm packages.
  const { launchChromium, openPage, untilText } = await import("../tests/support/chromium.js");
  const { startCommand } = await import("../tests/support/command.js");
  const folder = join(root, "target", "screenshots");
  mkdirSync(folder, { recursive: true });

  const host = await startCommand();
  const browser = await launchChromium();
  try {
    for (const width of WIDTHS) {
      for (const colorScheme of SCHEMES) {
        const options = { viewport: { width, height: width > 600 ? 900 : 780 }, colorScheme };
        const shoot = async (page, state) => {
          const file = `${state}-${width}-${colorScheme}.png`;
          await page.screenshot({ path: join(folder, file), fullPage: true });
          say(`target/screenshots/${file}`);
        };

        const first = await openPage(browser, host.url, options);
        await first.page.getByTestId("start-new").waitFor();
        await shoot(first.page, "welcome");
        await first.page.getByTestId("start-new").click();
        await untilText(first.page, "name", /./);
        await first.page.getByTestId("memory-editor").fill(JSON.stringify(MEMORY, null, 2));
        await untilText(first.page, "sentence", /not saved yet/i);
        await first.page.getByTestId("save").click();
        await untilText(first.page, "sentence", /3 of 3 confidants hold it/);
        await shoot(first.page, "saved");
        await first.page.getByTestId("remember").check();
        const soul = await first.page.evaluate((key) => localStorage.getItem(key), SOUL_KEY);
        await first.close();

        const second = await openPage(browser, host.url, { ...options, remembered: { [SOUL_KEY]: soul } });
        await untilText(second.page, "recovery", /came back from/);
        await untilText(second.page, "sentence", /3 of 3 confidants hold it/);
        await shoot(second.page, "recovered");
        await second.close();
      }
    }
  } finally {
    await browser.close();
    await host.stop();
  }
});
