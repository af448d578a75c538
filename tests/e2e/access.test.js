// The page for everybody: no violations found by axe, keys all through, and no motion where none is wanted.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { test } from "node:test";
import { untilText } from "../support/chromium.js";
import { browserAndHost } from "../support/visit.js";

const AXE = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
/** All that the other scheme can change. */
const COLOURS = { type: "rule", values: ["color-contrast"] };
const PATIENT = { timeout: 90_000 };

const shared = browserAndHost();

/** Saves with the keys that do it. */
async function savedMemory(page) {
  await page.getByTestId("start-new").click();
  await page.getByTestId("memory-editor").fill('{"tea":"oolong"}');
  await untilText(page, "sentence", /not saved yet/i);
  await page.keyboard.press("Control+s");
  await untilText(page, "sentence", /3 of 3 confidants hold it/);
}

/** What axe finds, in a line each; incomplete checks do not count. */
async function violations(page, rules) {
  // Through the debugger, so that the page's own content policy stays as it is.
  await page.evaluate(AXE);
  const found = await page.evaluate((rules) => globalThis.axe.run(document, { runOnly: rules, resultTypes: ["violations"] }), rules);
  assert.ok(found.passes.length > (rules === RULES ? 10 : 0), "axe looked at nothing");
  return found.violations.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => `${id}: ${target}: ${failureSummary}`));
}

test("axe finds nothing wrong, light and dark, with everything open", PATIENT, async (t) => {
  const page = await shared.visit(t);
  const look = async () => {
    for (const [colorScheme, rules] of [["light", RULES], ["dark", COLOURS]]) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      assert.deepEqual(await violations(page, rules), [], colorScheme);
    }
  };
  await page.getByTestId("have-soul").click();
  await look();
  await page.reload();
  await savedMemory(page);
  await page.getByTestId("rehearse").click();
  await untilText(page, "recovery", /came back from/);
  for (const id of ["show-soul", "keeper", "neighbours", "forget"]) await page.getByTestId(id).click();
  await page.getByTestId("memory-editor").fill('{"tea":"sencha"}');
  await page.getByTestId("show-compare").click();
  await look();
  await page.getByTestId("show-keys").click();
  await look();
});

test("keys: ? and Esc, and a focus that goes through the page in the order in which it is read", PATIENT, async (t) => {
  const page = await shared.visit(t);
  await savedMemory(page);
  const focused = () => page.evaluate(() => document.activeElement.id);
  await page.getByTestId("memory-editor").press("?");
  assert.equal(await page.getByTestId("keys").isVisible(), false, "what is typed into the editor stays text");
  await page.keyboard.press("Control+z");
  await page.getByTestId("forget").focus();
  await page.keyboard.press("?");
  await page.getByTestId("keys").waitFor({ state: "visible" });
  await page.keyboard.press("Escape");
  await page.getByTestId("keys").waitFor({ state: "hidden" });
  assert.equal(await focused(), "forget");

  await page.keyboard.press("Enter");
  assert.equal(await focused(), "forget-no");
  await page.keyboard.press("Escape");
  assert.equal(await focused(), "forget");
  await page.getByTestId("show-soul").press("Enter");
  assert.match(await untilText(page, "soul", /./), /^[1-9A-HJ-NP-Za-km-z]+$/);
  await page.keyboard.press("Escape");
  assert.equal(await page.getByTestId("soul").textContent(), "");

  await page.evaluate(() => document.querySelector(".skip").focus());
  const names = ["skip"];
  for (let i = 0; i < 40; i += 1) {
    const before = await page.evaluateHandle(() => document.activeElement);
    await page.keyboard.press("Tab");
    const place = await before.evaluate((before) => {
      const isBehind = before.compareDocumentPosition(document.activeElement) & Node.DOCUMENT_POSITION_FOLLOWING;
      return isBehind ? document.activeElement.id : null;
    });
    if (place === null) break;
    names.push(place);
  }
  for (const wanted of ["show-keys", "memory-editor", "save", "show-soul", "remember", "rehearse", "log-filter", "log"]) {
    assert.ok(names.includes(wanted), `${wanted} is not reached: ${names}`);
  }
});

test("a message travels its edge, or lights it where no motion is wanted, and a table tells the same", PATIENT, async (t) => {
  const page = await shared.visit(t);
  await page.evaluate(() => {
    Object.assign(globalThis, { travelled: 0, moved: 0, lit: 0 });
    const { animate } = Element.prototype;
    Element.prototype.animate = function (...parts) {
      globalThis.moved += 1;
      return animate.apply(this, parts);
    };
    new MutationObserver((changes) => {
      for (const { addedNodes, target } of changes) {
        globalThis.travelled += [...addedNodes].filter((node) => node.matches?.("circle.message")).length;
        globalThis.lit += Number(target.matches(".edge.lit"));
      }
    }).observe(document.querySelector("#picture"), { subtree: true, childList: true, attributes: true, attributeFilter: ["class"] });
  });
  await savedMemory(page);
  await page.waitForFunction(() => globalThis.travelled > 0 && globalThis.moved > 0);
  await page.waitForFunction(() => document.querySelectorAll("#picture .edge[data-state=acked]").length >= 3);
  await page.getByTestId("neighbours").click();
  await page.getByTestId("neighbours-table").getByText("holds the newest version").first().waitFor();
  assert.match(await page.getByTestId("neighbours-table").textContent(), /(from|to) it: stash:/);

  await page.emulateMedia({ reducedMotion: "reduce" });
  await page.evaluate(() => Object.assign(globalThis, { travelled: 0, moved: 0, lit: 0 }));
  await page.getByTestId("rehearse").click();
  await untilText(page, "recovery", /came back from/);
  await page.waitForFunction(() => globalThis.lit > 0);
  assert.deepEqual(await page.evaluate(() => [globalThis.travelled, globalThis.moved]), [0, 0]);
});
