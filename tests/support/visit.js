// What tests of the page share: a browser and a host for all tests of a file, visits that end with their test, and a first memory.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { launchChromium, openPage, untilText } from "./chromium.js";
import { startCommand } from "./command.js";
import { chosenPlaza, isEmbedded } from "./plazas.js";
import { layWire } from "./wire.js";

/**
 * `{ browser, host, visit, visitByWire }`, there while the tests of the file run. `launch` is for the browser, `words` for
 * the host's command. `visit(t, { url, … })` opens a page, at the host unless told otherwise, with the options of openPage;
 * it is closed with its test, and must have had nothing to complain about. `visitByWire` returns `{ page, wire }`: the page
 * reaches the plaza by a wire of its own. `also` is done once both are there, and may return what is to be done before they go.
 */
export function browserAndHost({ launch, words = [], also = async () => {} } = {}) {
  const shared = {
    async visit(t, { url = shared.host.url, ...options } = {}) {
      const { page, complaints, close } = await openPage(shared.browser, url, options);
      t.after(async () => {
        await close();
        assert.deepEqual(complaints, []);
      });
      return page;
    },
    async visitByWire(t, options) {
      const wire = await layWire(shared.host.plaza);
      t.after(() => wire.stop());
      return { wire, page: await shared.visit(t, { ...options, url: `${shared.host.url}?plaza=${wire.url}` }) };
    },
  };
  let leave;
  before(async () => {
    shared.browser = await launchChromium(launch);
    shared.host = await startHost(...words);
    leave = await also(shared);
  });
  after(async () => {
    await leave?.();
    await shared.browser?.close();
    await shared.host?.stop();
  });
  return shared;
}

/** Starts the host's command on the chosen plaza. */
export async function startHost(...words) {
  if (isEmbedded) return startCommand(...words);
  const plaza = await chosenPlaza.open();
  try {
    const host = await startCommand("--broker", plaza.url, ...words);
    const stop = async (signal) => {
      await host.stop(signal);
      await plaza.stop();
    };
    return { ...host, stop };
  } catch (error) {
    await plaza.stop();
    throw error;
  }
}

/** Begins with a new soul and saves a memory, until three confidants hold it. */
export async function saveFirst(page, text = '{"tea":"oolong"}') {
  await page.getByTestId("start-new").click();
  await page.getByTestId("memory-editor").fill(text);
  await untilText(page, "sentence", /not saved yet/i);
  await page.getByTestId("save").click();
  await untilText(page, "sentence", /3 of 3 confidants hold it/);
}
