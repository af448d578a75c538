// Whatever the docs show is true: code runs, commands exist, links lead somewhere, the reference is that of the types.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { readOptions as confidantOptions } from "../../host/confidant.js";
import { readOptions as gatewayOptions } from "../../host/gateway-command.js";
import { readOptions as hostOptions } from "../../host/cli.js";
import { HELP } from "../../host/help.js";
import { startServer } from "../../host/server.js";
import { apiReference } from "../../scripts/docs.js";
import { Neighbourhood } from "../support/naras.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const run = promisify(execFile);
const read = (path) => readFileSync(join(root, path), "utf8");
const PAGES = [...readdirSync(root), ...readdirSync(join(root, "docs")).map((name) => `docs/${name}`)].filter((name) => name.endsWith(".md")).sort();
const BLOCKS = PAGES.flatMap((page) => [...read(page).matchAll(/^```([^\n]*)\n([^]*?)^```$/gm)].map(([, language, code]) => ({ page, language, code })));
const SHOWN_PLAZA = "ws://127.0.0.1:8080/mqtt";
/** Not run here: pictures in letters, what others' programs read (mosquitto does, in operators.test.js), the types themselves. */
const NOT_CODE = ["", "text", "conf", "conf passwords", "acl", "caddyfile", "nginx", "http", "json", "toml", "ts"];
const scripts = JSON.parse(read("package.json")).scripts;

test("every piece of code has a language that is looked at here", () => {
  assert.ok(BLOCKS.length >= 20);
  for (const { page, language } of BLOCKS) {
    assert.ok(["js", "js esbuild", "cjs", "rust", "sh", "ini", ...NOT_CODE].includes(language), `${page}: ${language}`);
  }
});

test("docs/services.md shows the examples' own code, word for word", () => {
  const examples = { rust: read("examples/guest_book.rs"), js: read("examples/guest-book.js") };
  const pieces = BLOCKS.filter(({ page, language }) => page === "docs/services.md" && language in examples);
  assert.equal(pieces.length, 8);
  for (const { language, code } of pieces) assert.ok(examples[language].includes(code), `not in the example:\n${code}`);
  assert.deepEqual(BLOCKS.filter(({ page, language }) => language === "rust" && page !== "docs/services.md"), []);
});

test("docs/api.md is what npm run docs writes", () => {
  assert.equal(read("docs/api.md"), apiReference(), "run npm run docs");
});

test("the table of options in the README has those that --help has", () => {
  const options = [...HELP.matchAll(/^  (--[a-z]+)/gm)].map(([, option]) => option);
  const table = [...read("README.md").matchAll(/^\| `(--[a-z]+)/gm)].map(([, option]) => option);
  assert.deepEqual(table, options);
});

test("the map of folders in ARCHITECTURE.md names those that there are, and those that one wonders about", () => {
  const rows = read("ARCHITECTURE.md").split("\n").flatMap((line) => /^\| ((?:`[\w./]+\/`(?:, )?)+) \|/.exec(line)?.[1] ?? []);
  const folders = rows.flatMap((row) => [...row.matchAll(/`([^`]+)`/g)].map(([, folder]) => folder));
  for (const folder of [".ci/", "bench/", "benches/", "host/", "scripts/", "tests/sim/", "www/nara/"]) assert.ok(folders.includes(folder), folder);
  const made = [".tools/", "target/", "www/nara/pkg/"];
  for (const folder of folders) if (!made.includes(folder)) assert.ok(existsSync(join(root, folder)), folder);
  assert.ok(!PAGES.some((page) => /npm install (--global|-g) light-nara\b/.test(read(page))), "the package is on no registry yet");
});

test("commands of ours that are shown exist, with these options", () => {
  const commands = BLOCKS.filter(({ language }) => language === "sh").flatMap(({ page, code }) => code.split("\n").map((line) => ({ page, line: line.replace(/\s+#.*$/, "").trim() })));
  let checked = 0;
  for (const { page, line } of commands) {
    const [program, ...words] = line.replaceAll('"', "").split(/\s+/);
    const where = `${page}: ${line}`;
    if (program === "npm" && ["start", "test"].includes(words[0])) assert.ok(scripts[words[0]], where);
    else if (program === "npm" && words[0] === "run") assert.ok(scripts[words[1]], where);
    else if (program === "npx" && words[0] === "light-nara") checkCommand(words.slice(1));
    else if (program === "light-nara") checkCommand(words);
    else if (program === "node") assert.ok(existsSync(join(root, words[0])), where);
    else if (program === "cargo" && words.includes("--example")) assert.ok(existsSync(join(root, "examples", `${words[words.indexOf("--example") + 1]}.rs`)), where);
    else continue;
    checked += 1;
  }
  assert.ok(checked >= 8);
});

test("the unit for systemd starts a confidant, and stops it later than it hands on", () => {
  const [{ code }] = BLOCKS.filter(({ page, language }) => page === "docs/plaza.md" && language === "ini");
  const unit = Object.fromEntries([...code.matchAll(/^(\w+)=(.*)$/gm)].map(([, key, value]) => [key, value]));
  const [env, command, ...words] = unit.ExecStart.split(" ");
  assert.deepEqual([env, command], ["/usr/bin/env", "light-nara"]);
  const { soulFile } = checkCommand(words);
  assert.equal(dirname(soulFile), `/var/lib/${unit.StateDirectory}`);
  assert.ok(Number(unit.TimeoutStopSec) > 6);
});

test("every link leads to a file and a heading that are there, and in the package as well", async () => {
  const { stdout } = await run("npm", ["pack", "--json", "--dry-run", "--ignore-scripts", "--loglevel=silent"], { cwd: root });
  const packed = new Set(JSON.parse(stdout)[0].files.map(({ path }) => path));
  for (const page of PAGES.filter((name) => packed.has(name))) {
    for (const [, image, target] of read(page).matchAll(/(!?)\[[^\]]*\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      const [path, heading] = target.split("#");
      const file = path === "" ? page : relative(root, normalize(join(root, dirname(page), path)));
      assert.ok(existsSync(join(root, file)), `${page}: ${target}`);
      // A registry shows pictures from the repository.
      assert.ok(image === "!" || packed.has(file), `${page} links to ${file}, which is not in the package`);
      if (heading) assert.ok(headings(read(file)).includes(heading), `${page}: ${target}`);
    }
  }
});

describe("code that is shown runs as it stands", { timeout: 120_000 }, () => {
  const folder = join(root, "target", "docs");
  let server;
  let neighbours;
  before(async () => {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    // What a page has, and Node has not; the storage outlives the process.
    writeFileSync(join(folder, "page.mjs"), `
      import { existsSync, readFileSync, writeFileSync } from "node:fs";
      const file = new URL("storage.json", import.meta.url);
      const kept = new Map(existsSync(file) ? JSON.parse(readFileSync(file)) : []);
      globalThis.localStorage = { getItem: (key) => kept.get(key) ?? null, setItem(key, value) { kept.set(key, value); writeFileSync(file, JSON.stringify([...kept])); } };
      globalThis.document = { querySelector: () => ({}) };
    `);
    server = await startServer({ port: 0, listen: "127.0.0.1" });
    neighbours = new Neighbourhood(server.plaza);
    await neighbours.wakeMany(4);
  });
  after(async () => {
    await neighbours?.sleep();
    await server?.close();
  });

  async function printed(code, ending) {
    assert.ok(code.includes(SHOWN_PLAZA));
    const file = join(folder, `shown.${ending}`);
    writeFileSync(file, code.replaceAll(SHOWN_PLAZA, server.plaza));
    return (await run(process.execPath, ["--import", join(folder, "page.mjs"), file], { timeout: 60_000 })).stdout;
  }

  const shown = (page, language) => BLOCKS.filter((block) => block.page === page && block.language === language).map(({ code }) => code);

  test("the README's first lines bring a memory back", async () => {
    const [code, ...others] = shown("README.md", "js");
    assert.equal(others.length, 0);
    assert.ok(code.trim().split("\n").filter((line) => line !== "").length <= 10);
    assert.equal(await printed(code, "mjs"), "{ tea: 'oolong' }\n");
  });

  test("docs/package.md: saved by the first visit, remembered by the second", async () => {
    const [code] = shown("docs/package.md", "js");
    assert.match(await printed(code, "mjs"), /^[345] of 3 confidants hold it$/m);
    assert.match(await printed(code, "mjs"), /^remembered: { theme: 'dark' }$/m);
  });

  test("docs/package.md: in a worker, and in CommonJS", async () => {
    const [, worker, ...others] = shown("docs/package.md", "js");
    assert.equal(others.length, 0);
    assert.match(await printed(worker, "mjs"), /^\S+-\d{3} (opening|online)$/m);
    const [cjs] = shown("docs/package.md", "cjs");
    assert.equal(await printed(cjs, "cjs"), "true too_large\n");
  });

  test("docs/package.md: esbuild bundles it by the command shown", async () => {
    const [code] = shown("docs/package.md", "js esbuild");
    const [command] = shown("docs/package.md", "sh");
    writeFileSync(join(folder, "app.js"), code);
    const [npx, program, ...words] = command.trim().split(" ");
    assert.deepEqual([npx, program], ["npx", "esbuild"]);
    await run(join(root, "node_modules", ".bin", "esbuild"), [...words, "--log-level=error"], { cwd: folder });
    assert.deepEqual(readdirSync(join(folder, "dist")).map((name) => name.replace(/-\w+/, "")).sort(), ["app.js", "light_nara_bg.wasm"]);
  });

  test("no page shows other code that would have to run", () => {
    const ran = ["README.md", "docs/package.md", "docs/services.md"];
    assert.deepEqual(BLOCKS.filter(({ page, language }) => /^c?js/.test(language) && !ran.includes(page)), []);
  });
});

/** Reads a command of ours as the command itself would. */
function checkCommand([first, ...words]) {
  if (first === "confidant") return confidantOptions(words);
  if (first === "gateway") return gatewayOptions(words);
  return hostOptions([first, ...words].filter(Boolean));
}

function headings(text) {
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, words]) => words.toLowerCase().replace(/[^\w -]/g, "").replaceAll(" ", "-"));
}
