// Fuzzes each target for a while, with its own set-up: cargo-fuzz and a nightly
// compiler, which libFuzzer's instrumentation needs.
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { linker, rust } from "./setup.js";
import { StepError, ask, find, root, run, runMain, say } from "./steps.js";

const USAGE = `usage: npm run fuzz -- [--seconds N] [--target NAME]

Runs each fuzz target for N seconds (60 unless said), or one of them only, and
fails with the input that broke it. What is found on the way is kept in
fuzz/corpus/, and fuzzing goes on from there; fuzz/seeds/ is where it begins.`;

async function main() {
  const { seconds, targets } = options(process.argv.slice(2));
  await rust();
  await linker();
  await nightly();
  await cargoFuzz();
  await run("build the fuzz targets", "cargo", [...FUZZ, "build", ...FOLDER], { usual: "about 2 min", limitMs: BUILD_MS_MAX });
  const lines = [];
  for (const target of targets) lines.push(await fuzz(target, seconds));
  say("");
  for (const line of lines) say(line);
  say(`${targets.length} targets, ${seconds} s each, no findings`);
}

function options(args) {
  const all = readdirSync(join(root, "fuzz", "fuzz_targets")).map((name) => name.replace(/\.rs$/, "")).sort();
  let seconds = 60;
  let targets = all;
  for (let place = 0; place < args.length; place += 2) {
    const [name, value] = args.slice(place, place + 2);
    if (name === "--seconds" && /^[1-9]\d{0,6}$/.test(value ?? "")) seconds = Number(value);
    else if (name === "--target" && all.includes(value)) targets = [value];
    else throw new StepError(`${USAGE}\n\ntargets: ${all.join(", ")}`);
  }
  return { seconds, targets };
}

async function nightly() {
  if ((await ask("cargo", ["+nightly", "--version"])) !== null) return;
  if (find("rustup") === null) throw new StepError("fuzzing needs a nightly Rust compiler, and rustup to install it");
  await run("install a nightly Rust compiler", "rustup", ["toolchain", "install", "nightly", "--profile", "minimal"], { usual: "about 1 min" });
}

async function cargoFuzz() {
  if ((await ask("cargo", ["fuzz", "--version"])) !== null) return;
  await run("install cargo-fuzz", "cargo", ["install", "cargo-fuzz", "--locked"], { usual: "about 1 min" });
}

/** One target; its last words of figures. */
async function fuzz(target, seconds) {
  const [corpus, seeds] = ["corpus", "seeds"].map((folder) => join("fuzz", folder, target));
  mkdirSync(join(root, corpus), { recursive: true });
  if (!existsSync(join(root, seeds))) throw new StepError(`${target} has no seeds in ${seeds}`);
  const limits = [`-max_total_time=${seconds}`, `-max_len=${LENGTH_MAX}`, "-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1"];
  try {
    const output = await run(`fuzz ${target} for ${seconds} s`, "cargo", [...FUZZ, "run", ...FOLDER, target, corpus, seeds, "--", ...limits]);
    const figure = (name) => new RegExp(`${name}:?\\s+(\\d+)`).exec(output)?.[1] ?? "?";
    const covered = [...output.matchAll(/cov: (\d+)/g)].at(-1)?.[1] ?? "?";
    return `${target.padEnd(9)} ${figure("stat::number_of_executed_units").padStart(10)} inputs, ${covered.padStart(6)} edges covered, no finding`;
  } catch (error) {
    throw new StepError(`${error.message}\nto run it again: cargo +nightly fuzz run --fuzz-dir fuzz ${target} fuzz/artifacts/${target}/…`);
  }
}

const FUZZ = ["+nightly", "fuzz"];
const FOLDER = ["--fuzz-dir", "fuzz"];
/** A few frames of the largest size. */
const LENGTH_MAX = 200_000;
const BUILD_MS_MAX = 20 * 60_000;

await runMain(main);
