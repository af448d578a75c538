// Prints how many bytes a page loads, and of what. With --json, one object on the last line.
import { existsSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { CORES, build } from "./build.js";
import { partSizes } from "./sections.js";
import { StepError, ask, isCommand, root, runMain, say } from "./steps.js";
import { modulesOf } from "./weight.js";

/** What a page may load, gzipped, and where it fails. */
const GOAL = 120_000;
const LIMIT = 150_000;
/**
 * Where one is not reached yet, the newest figure counts, to be set anew by whoever changes it; it may grow by a fiftieth,
 * since compilers differ, and no further.
 */
const NEWEST = { "all of it": 145_000, "with a gateway or services": 167_600 };
const GROWTH = 1.02;

/** Prints the table; fails when the limit counts and is passed. */
export async function printSizes({ json = false } = {}) {
  await build();
  const [small, full] = CORES.map(({ module }) => relative(root, module));
  // The entry point with everything that it imports; the module comes with it.
  const scripts = modulesOf("nara/pkg/index.js").map((path) => `www/${path}`);
  const pages = { "all of it": total([...scripts, small]), "with a gateway or services": total([...scripts, FOR_SERVICES, full]) };
  const parts = partSizes(readFileSync(CORES[0].named));
  say("");
  say(row("what a page loads", ["raw", "gzip -9", "brotli 11"]));
  for (const path of [...scripts, small, FOR_SERVICES, full]) say(row(path, columns(total([path]))));
  for (const [page, sum] of Object.entries(pages)) say(row(page, columns(sum)));
  for (const [name, files] of Object.entries(INSTEAD)) say(row(`instead: ${name}`, columns(total(files))));
  const tarball = await tarballSize();
  say(row("the npm tarball", ["", String(tarball), ""]));
  say("");
  say("the smaller module by part, in bytes before compression:");
  for (const [name, size] of Object.entries(parts).slice(0, PARTS_SHOWN)) say(row(name, [String(size)]));
  if (json) say(JSON.stringify({ ...pages["all of it"], full: pages["with a gateway or services"], tarball, parts }));
  for (const [page, { gzip }] of Object.entries(pages)) check(page, gzip);
}

/** Says how far a page is from the goal; throws where it has grown. */
function check(page, gzip) {
  const newest = NEWEST[page];
  const most = Math.max(LIMIT, Math.round(newest * GROWTH));
  const verdict = gzip <= GOAL ? "reached" : `missed by ${gzip - GOAL} bytes`;
  say(`${page}: the goal of ${GOAL} bytes gzip is ${verdict}; more than ${most} fails${most > LIMIT ? `, and more than ${LIMIT} once that is reached` : ""}`);
  if (gzip * GROWTH < newest && newest > LIMIT) say(`it was ${newest}: set NEWEST in scripts/size.js to ${gzip}`);
  if (gzip > most) throw new StepError(`${page}, a page loads ${gzip} bytes gzipped; at most ${most} are allowed: see scripts/size.js`);
}

/** Each file on its own, as it is loaded. */
function total(files) {
  const sum = { raw: 0, gzip: 0, brotli: 0 };
  for (const path of files) {
    if (!existsSync(join(root, path))) throw new StepError(`${path} is missing`);
    const bytes = readFileSync(join(root, path));
    sum.raw += bytes.length;
    sum.gzip += gzipSync(bytes, { level: 9 }).length;
    sum.brotli += brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }).length;
  }
  return sum;
}

async function tarballSize() {
  const packed = await ask("npm", ["pack", "--dry-run", "--json", "--ignore-scripts", "--loglevel=silent"]);
  if (packed === null) throw new StepError("npm pack failed");
  return JSON.parse(packed)[0].size;
}

function columns({ raw, gzip, brotli }) {
  return [raw, gzip, brotli].map(String);
}

function row(name, cells) {
  return `  ${name.padEnd(44)}${cells.map((cell) => cell.padStart(11)).join("")}`;
}

/** What a developer would load instead, as npm serves it; libsodium and mqtt are minified, fflate is not. */
const INSTEAD = {
  "libsodium, fflate, mqtt": [
    "node_modules/libsodium/dist/modules-esm/libsodium.mjs",
    "node_modules/libsodium-wrappers/dist/modules-esm/libsodium-wrappers.mjs",
    "node_modules/fflate/esm/browser.js",
    "node_modules/mqtt/dist/mqtt.min.js",
  ],
};
/** What is loaded for services alone, beside the larger module. */
const FOR_SERVICES = "www/nara/pkg/service.js";
const PARTS_SHOWN = 24;

if (isCommand(import.meta.url)) await runMain(() => printSizes({ json: process.argv.includes("--json") }));
