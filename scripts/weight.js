// Prints what a first visit to the page loads, brotli-compressed, and fails where it is over the budget in weight-budget.json.
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants } from "node:zlib";
import { build } from "./build.js";
import { StepError, isCommand, root, runMain, say } from "./steps.js";

const WWW = join(root, "www");
const BUDGET = join(dirname(fileURLToPath(import.meta.url)), "weight-budget.json");
const MODULE = "nara/pkg/light_nara_bg.wasm";

/** The modules that `entry` imports, itself first; what is imported only when it is needed is not among them. */
export function modulesOf(entry) {
  const found = [entry];
  for (const path of found) {
    const source = readFileSync(join(WWW, path), "utf8");
    for (const [, name] of source.matchAll(/^(?:import|export)\b[^;]*?from\s*"(\.[^"]+)"|^import\s*"(\.[^"]+)"/gm)) {
      const next = posix.join(posix.dirname(path), name);
      if (!found.includes(next)) found.push(next);
    }
  }
  return found;
}

/** What a first visit loads, by part: `{ page, driver, wasm }`, each a list of files in www/. */
export function firstVisit() {
  const modules = modulesOf("main.js");
  const isDriver = (path) => path.startsWith("nara/");
  return {
    page: ["index.html", "style.css", "icon.svg", ...modules.filter((path) => !isDriver(path))],
    driver: modules.filter(isDriver),
    wasm: [MODULE],
  };
}

/** Sizes in bytes by part, each file compressed on its own, with `total`. */
export function weights() {
  const sizes = { total: 0 };
  for (const [part, files] of Object.entries(firstVisit())) {
    sizes[part] = files.reduce((sum, path) => sum + compressed(path), 0);
    sizes.total += sizes[part];
  }
  return sizes;
}

/** The parts that weigh more than they may, in a sentence each. */
export function overBudget(sizes) {
  const { bytes } = JSON.parse(readFileSync(BUDGET, "utf8"));
  return Object.entries(sizes).flatMap(([part, size]) => {
    if (bytes[part] === undefined) return [`the budget says nothing of ${part}`];
    return size > bytes[part] ? [`${part} weighs ${size} bytes; at most ${bytes[part]} are allowed`] : [];
  });
}

function compressed(path) {
  const file = join(WWW, path);
  if (!existsSync(file)) throw new StepError(`www/${path} is missing`);
  return brotliCompressSync(readFileSync(file), { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }).length;
}

if (isCommand(import.meta.url)) {
  await runMain(async () => {
    await build();
    const sizes = weights();
    const { bytes } = JSON.parse(readFileSync(BUDGET, "utf8"));
    const files = firstVisit();
    say("");
    say(`  ${"a first visit loads".padEnd(22)}${"files".padStart(7)}${"brotli 11".padStart(12)}${"budget".padStart(12)}`);
    for (const part of [...Object.keys(files), "total"]) {
      const many = files[part]?.length ?? Object.values(files).flat().length;
      say(`  ${part.padEnd(22)}${String(many).padStart(7)}${String(sizes[part]).padStart(12)}${String(bytes[part]).padStart(12)}`);
    }
    const over = overBudget(sizes);
    if (over.length > 0) throw new StepError(over.join("\n"));
    say("within the budget");
  });
}
