// `npm run bugs`: plants each mistake of tests/sim/bugs.js in a copy of src/, and shows that the simulation catches it.
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { bugs } from "../tests/sim/bugs.js";
import { linker, rust } from "./setup.js";
import { StepError, root, run, runMain, say, seconds } from "./steps.js";

async function main() {
  const startedAt = Date.now();
  const wanted = process.argv.slice(2);
  const unknown = wanted.filter((name) => !bugs.some((bug) => bug.name === name));
  if (unknown.length > 0) throw new StepError(`no bug is called ${unknown.join(", ")}; there are ${bugs.map(({ name }) => name).join(", ")}`);
  await rust();
  await linker();
  plant();
  await run("build the simulation with the bugs in it", "cargo", ["build", "--quiet", "--locked", "--profile", "sim", "--example", PROGRAM, "--manifest-path", join(copy, "Cargo.toml"), "--target-dir", target], { usual: "2 min at first" });
  let caught = 0;
  const chosen = bugs.filter(({ name }) => wanted.length === 0 || wanted.includes(name));
  for (const bug of chosen) caught += (await isCaught(bug)) ? 1 : 0;
  say(`all of it took ${seconds(startedAt)}`);
  say(`${caught} of ${chosen.length} bugs caught`);
  process.exitCode = caught === chosen.length ? 0 : 1;
}

/** Copies what cargo needs, the bugs among it; what is there already keeps its time, so that cargo need not build it again. */
function plant() {
  const files = ["Cargo.toml", "Cargo.lock", ...["src", "tests/sim"].flatMap((folder) => filesIn(folder))];
  const texts = new Map(files.map((file) => [file, readFileSync(join(root, file), "utf8")]));
  texts.set("Cargo.toml", manifest(texts.get("Cargo.toml")));
  texts.set("Cargo.lock", renamed(texts.get("Cargo.lock")));
  for (const { name, edits } of bugs) {
    for (const { file, old, new: bad } of edits) {
      const path = `src/${file}`;
      const parts = texts.get(path)?.split(old) ?? [];
      if (parts.length !== 2) throw new StepError(`${name}: what it replaces is ${parts.length - 1} times in ${path}, and must be there once; mend tests/sim/bugs.js`);
      texts.set(path, parts.join(bad.replaceAll(/\bplanted\b/g, `crate::planted("${name}")`)));
    }
  }
  texts.set("src/lib.rs", texts.get("src/lib.rs") + PLANTED);
  if (existsSync(copy)) {
    for (const file of ["src", "tests/sim"].flatMap((folder) => filesIn(folder, copy))) if (!texts.has(file)) rmSync(join(copy, file));
  }
  for (const [file, text] of texts) {
    const path = join(copy, file);
    if (existsSync(path) && readFileSync(path, "utf8") === text) continue;
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
}

/** The package under another name, or cargo would take what is built of it for what it built of ours, and without what is measured. */
function manifest(text) {
  const blocks = text.split(/^(?=\[)/m);
  const isKept = (block) => !/^\[\[(bench|example)\]\]/.test(block) || /^name = "sim"$/m.test(block);
  const kept = blocks.filter(isKept);
  return renamed(kept.join("").replace('name = "sim"', `name = "${PROGRAM}"`)).replace("[lib]", '[lib]\nname = "light_nara"');
}

function renamed(text) {
  return text.replace('name = "light-nara"', 'name = "light-nara-planted"');
}

function filesIn(folder, base = root) {
  const entries = readdirSync(join(base, folder), { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(base.length + 1));
}

/** Whether a seed fails with the bug, and holds without it. */
async function isCaught({ name, what }) {
  const startedAt = Date.now();
  const output = await simulate(name, ["--seeds", String(SEEDS), "--stop"]);
  const [, seed, why] = /^seed (\d+) failed (.{1,120})/m.exec(output) ?? [];
  if (seed === undefined) {
    say(`MISSED  ${name}: ${what}; ${SEEDS} seeds hold`);
    return false;
  }
  const without = await simulate("", ["--seed", seed]);
  const isGuilty = /^1 seeds held, 0 failed$/m.test(without);
  say(`${isGuilty ? "caught" : "UNSURE"}  ${name}: ${what}`);
  say(`        by seed ${seed} ${why} (${seconds(startedAt)})`);
  if (!isGuilty) say("        but this seed fails without the bug, too");
  return isGuilty;
}

/** What the simulation says with one of the bugs. That a seed fails is what is wanted. */
function simulate(PLANTED, args) {
  const program = join(target, "sim", "examples", PROGRAM);
  const env = { ...process.env, PLANTED };
  return new Promise((resolve) => {
    execFile(program, args, { env, maxBuffer: OUTPUT_MAX }, (_, stdout, stderr) => resolve(stdout + stderr));
  });
}

/** Seeds that one bug may hide from. */
const SEEDS = 100;
const OUTPUT_MAX = 64 * 1024 * 1024;
const PROGRAM = "sim-planted";
const target = join(root, "target");
const copy = join(target, "bugs");

/** Which bug is the one of this run. */
const PLANTED = `
pub(crate) fn planted(name: &str) -> bool {
    static NAME: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    NAME.get_or_init(|| std::env::var("PLANTED").unwrap_or_default()) == name
}
`;

await runMain(main);
