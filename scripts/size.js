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
 * Where the limit is not reached yet, the newest figure counts, to be set anew by whoever changes it; it may grow by a
 * fiftieth, since compilers differ, and no further.
 */
const NEWEST = { "with a gateway or services": 163_000 };
const GROWTH = 1.02;

/** Prints the table; fails when the limit counts and is passed. */
export async function printSizes({ json = false } = {}) {
  await build();
  const [small, full] = CORES.map(({ module }) => relative(root, module));
  // The entry point with everything that it imports; the module comes with it.
  const scripts = modulesOf("nara/pkg/index.js").map((path) => `www/${path}`);
  const pages = { "all of it": total([...scripts, small]), "with a gateway or services": total([...scripts, FOR_SERVICES, full]) };
  const instead = {};
  for (const [name, imports] of Object.entries(INSTEAD)) instead[name] = await bundled(imports);
  const parts = partSizes(readFileSync(CORES[0].named));
  say("");
  say(row("what a page loads", ["raw", "gzip -9", "brotli 11"]));
  for (const path of [...scripts, small, FOR_SERVICES, full]) say(row(path, columns(total([path]))));
  for (const [page, sum] of Object.entries(pages)) say(row(page, columns(sum)));
  for (const [name, sum] of Object.entries(instead)) say(row(`instead: ${name}`, columns(sum)));
  const tarball = await tarballSize();
  say(row("the npm tarball", ["", String(tarball), ""]));
  say("");
  say("the smaller module by part, in bytes before compression:");
  for (const [name, size] of Object.entries(parts).slice(0, PARTS_SHOWN)) say(row(name, [String(size)]));
  const tooLarge = Object.entries(pages).map(([page, { gzip }]) => judge(page, gzip)).filter(Boolean);
  if (json) say(JSON.stringify({ ...pages["all of it"], full: pages["with a gateway or services"], instead, tarball, parts }));
  if (tooLarge.length > 0) throw new StepError(tooLarge.join("\n"));
}

/** Says how far a page is from the goal; returns what is wrong where it has grown. */
function judge(page, gzip) {
  const newest = NEWEST[page] ?? 0;
  const most = Math.max(LIMIT, Math.round(newest * GROWTH));
  const verdict = gzip <= GOAL ? "reached" : `missed by ${gzip - GOAL} bytes`;
  say(`${page}: the goal of ${GOAL} bytes gzip is ${verdict}; more than ${most} fails${most > LIMIT ? `, and more than ${LIMIT} once that is reached` : ""}`);
  if (gzip * GROWTH < newest && newest > LIMIT) say(`it was ${newest}: set NEWEST in scripts/size.js to ${gzip}`);
  return gzip > most ? `${page}, a page loads ${gzip} bytes gzipped; at most ${most} are allowed: see scripts/size.js` : null;
}

/** Each file on its own, as it is loaded. */
function total(files) {
  const sum = { raw: 0, gzip: 0, brotli: 0 };
  for (const path of files) {
    if (!existsSync(join(root, path))) throw new StepError(`${path} is missing`);
    for (const [unit, size] of Object.entries(weighed(readFileSync(join(root, path))))) sum[unit] += size;
  }
  return sum;
}

/** What these imports come to in one file, as a bundler makes it for a page: minified, and without what is not used. */
async function bundled(imports) {
  const { build: esbuild } = await import("esbuild");
  const options = { bundle: true, minify: true, format: "esm", platform: "browser", target: "es2022", write: false, logLevel: "error" };
  const { outputFiles } = await esbuild({ ...options, stdin: { contents: imports.join("\n"), resolveDir: root } });
  return weighed(outputFiles[0].contents);
}

function weighed(bytes) {
  return {
    raw: bytes.length,
    gzip: gzipSync(bytes, { level: 9 }).length,
    brotli: brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }).length,
  };
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

/** What a developer would load instead, for the same cryptography, compression and plaza. */
const COMPRESSION_AND_PLAZA = ['export { gzipSync, gunzipSync } from "fflate";', 'export { default as mqtt } from "mqtt";'];
const INSTEAD = {
  "libsodium, fflate, mqtt": ['export { default as sodium } from "libsodium-wrappers";', ...COMPRESSION_AND_PLAZA],
  "noble, fflate, mqtt": [
    'export { xchacha20poly1305 } from "@noble/ciphers/chacha.js";',
    'export { ed25519 } from "@noble/curves/ed25519.js";',
    'export { hkdf } from "@noble/hashes/hkdf.js";',
    'export { sha256 } from "@noble/hashes/sha2.js";',
    ...COMPRESSION_AND_PLAZA,
  ],
};
/** What is loaded for services alone, beside the larger module. */
const FOR_SERVICES = "www/nara/pkg/service.js";
const PARTS_SHOWN = 24;

if (isCommand(import.meta.url)) await runMain(() => printSizes({ json: process.argv.includes("--json") }));
