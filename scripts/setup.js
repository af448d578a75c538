// Brings what a command needs onto the machine, and nothing that is there already.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { StepError, ask, find, root, run, say, toolsDir } from "./steps.js";

/** The npm packages of package-lock.json. */
export async function npmPackages() {
  const wanted = digest(readFileSync(join(root, "package-lock.json")));
  const stamp = join(root, "node_modules", ".light-nara-stamp");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return;
  await run("install npm packages", "npm", ["ci", "--no-fund", "--no-audit"], { usual: "about 20 s" });
  writeFileSync(stamp, wanted);
}

/** The Rust compiler with its WebAssembly target. */
export async function rust() {
  const sysroot = await ask("rustc", ["--print", "sysroot"]);
  if (sysroot === null || find("cargo") === null) {
    throw new StepError("Rust is missing: install it with rustup (see rustup.rs), then run this command again");
  }
  if (existsSync(join(sysroot, "lib", "rustlib", WASM_TARGET))) return;
  if (find("rustup") === null) {
    throw new StepError(`the Rust target ${WASM_TARGET} is missing: install it, or use rustup, which this command can ask for it`);
  }
  await run(`add the Rust target ${WASM_TARGET}`, "rustup", ["target", "add", WASM_TARGET], { usual: "about 20 s" });
}

/** rustfmt and clippy. */
export async function rustLinters() {
  const unusable = [];
  for (const [program, component] of [["rustfmt", "rustfmt"], ["cargo-clippy", "clippy"]]) {
    // rustup leaves a proxy for a component that is not there, so it is asked, not looked for.
    if ((await ask(program, ["--version"])) === null) unusable.push(component);
  }
  if (unusable.length === 0) return;
  await run(`add ${unusable.join(" and ")}`, "rustup", ["component", "add", ...unusable], { usual: "about 20 s" });
}

/** The wasm-bindgen command, at the very version of the library in Cargo.lock. */
export async function wasmBindgen() {
  const wanted = lockedVersion("wasm-bindgen");
  if ((await ask("wasm-bindgen", ["--version"])) === `wasm-bindgen ${wanted}`) return;
  // Without --locked: the lock file that the crate ships has failed to build.
  await cargoInstall("wasm-bindgen-cli", ["--version", wanted], "about 8 min on two cores");
}

/** wasm-pack, which runs the Rust tests in WebAssembly. */
export async function wasmPack() {
  if ((await ask("wasm-pack", ["--version"])) !== null) return;
  await cargoInstall("wasm-pack", ["--locked"], "about 5 min on two cores");
}

/** Chromium, its driver, the mosquitto broker and Redis. */
export async function testPrograms() {
  await debianPackages([
    { name: "chromium", programs: CHROMIUM },
    { name: "chromium-driver", programs: ["chromedriver"] },
    { name: "mosquitto", programs: ["mosquitto"] },
    { name: "redis-server", programs: ["redis-server"] },
  ]);
}

/** The C compiler, without which Rust can link nothing. */
export async function linker() {
  await debianPackages([{ name: "build-essential", programs: ["cc"] }]);
}

async function debianPackages(packages) {
  const missing = packages.filter(({ programs }) => !programs.some(find)).map(({ name }) => name);
  if (missing.length === 0) return;
  const install = ["install", "--yes", "--no-install-recommends", ...missing];
  if (find("apt-get") === null) {
    throw new StepError(`missing, with no apt-get here to install it: ${missing.join(", ")}`);
  }
  const isRoot = process.getuid?.() === 0;
  if (!isRoot && (await ask("sudo", ["-n", "true"])) === null) {
    throw new StepError(`missing: ${missing.join(", ")}; install with: sudo apt-get ${install.join(" ")}`);
  }
  const [program, ...prefix] = [...(isRoot ? [] : ["sudo", "-n"]), "env", "DEBIAN_FRONTEND=noninteractive", "apt-get"];
  await run("refresh the list of Debian packages", program, [...prefix, "update"], { usual: "about 15 s" });
  await run(`install ${missing.join(", ")}`, program, [...prefix, ...install], { usual: "about 1 min" });
}

/** The path of Chromium. */
export function chromium() {
  return CHROMIUM.map(find).find((path) => path !== null) ?? null;
}

/** The version of a crate in Cargo.lock. */
export function lockedVersion(crate) {
  const lock = readFileSync(join(root, "Cargo.lock"), "utf8");
  const version = new RegExp(`name = "${crate}"\\nversion = "([^"]+)"`).exec(lock)?.[1];
  if (version === undefined) throw new StepError(`Cargo.lock does not name ${crate}`);
  return version;
}

/** A short name for some bytes. */
export function digest(...parts) {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part).update("\0");
  return hash.digest("hex");
}

async function cargoInstall(crate, args, usual) {
  mkdirSync(toolsDir, { recursive: true });
  say(`${crate} goes into .tools/, once`);
  await run(`build ${crate}`, "cargo", ["install", crate, ...args, "--root", toolsDir, "--force"], { usual });
}

const WASM_TARGET = "wasm32-unknown-unknown";
const CHROMIUM = ["chromium", "chromium-browser", "google-chrome"];
