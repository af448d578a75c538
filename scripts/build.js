// Builds what a page loads into www/nara/pkg, where it is not the newest: the WebAssembly module, its glue, and the scripts in few files.
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { basename, join, resolve } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { digest, linker, lockedVersion, npmPackages, rust, wasmBindgen } from "./setup.js";
import { renumbered } from "./locals.js";
import { alike } from "./order.js";
import { functionBodies, renamed, withoutLastWords, withoutNames } from "./sections.js";
import { StepError, ask, isCommand, root, run, runMain, say, toolsDir } from "./steps.js";

/** Sets up what the build needs, then builds what is out of date. */
export async function build() {
  await npmPackages();
  vendor();
  await rust();
  const wanted = digest(...sources().map((path) => `${path}\n${readFileSync(path)}`), (await ask("rustc", ["--version"])) ?? "", lockedVersion("wasm-bindgen"));
  const outputs = CORES.flatMap(({ module, named }) => [module, named]);
  if (![GLUE, ...outputs].every((path) => existsSync(path)) || !existsSync(STAMP) || readFileSync(STAMP, "utf8") !== wanted) {
    await linker();
    await wasmBindgen();
    await cores();
    mkdirSync(toolsDir, { recursive: true });
    writeFileSync(STAMP, wanted);
  }
  await bundle();
}

/** The two cores, with the glue of the full one for both. */
async function cores() {
  mkdirSync(PKG, { recursive: true });
  const [small, full] = CORES;
  await compile(small);
  // The one is optimised while the other compiles.
  const [, glue] = await Promise.all([optimise(small), compile(full).then((glue) => optimise(full).then(() => glue))]);
  const imports = ({ module }) => WebAssembly.Module.imports(new WebAssembly.Module(readFileSync(module))).map(({ name }) => name);
  const missing = imports(small).filter((name) => !imports(full).includes(name));
  if (missing.length > 0) throw new StepError(`the small core imports what the glue of the other has not: ${missing.join(", ")}`);
  writeFileSync(GLUE, await wrapped(glue));
}

/**
 * Puts the scripts that browsers load into few small files, beside the core that they look for beside themselves: ten
 * readable ones were twice as many bytes, and more round trips where nothing preloads them. Node, to which each is a
 * millisecond or two, gets its entry point in one file.
 */
async function bundle() {
  const { build: esbuild } = await import("esbuild");
  const common = { absWorkingDir: join(root, "www", "nara"), outdir: PKG, bundle: true, format: "esm", write: false, logLevel: "error" };
  const forNode = esbuild({ ...common, entryPoints: ["node.js"], platform: "node", target: "node20", external: ["ws"], plugins: [{ name: "from the folder that it is put into", setup: moved }] });
  const small = { ...common, target: "es2022", minify: true, sourcemap: "linked", sourcesContent: false };
  const forBrowsers = esbuild({
    ...small,
    entryPoints: ["index.js", "worker.js", "worker-side.js"],
    splitting: true,
    // What index.js and worker.js both need, so that an error of the one is a NaraError of the other.
    chunkNames: "shared",
    plugins: [{ name: "the core's side imports what pages import", setup: apart }],
  });
  const forServices = esbuild({ ...small, entryPoints: ["service.js"], plugins: [{ name: "its errors are those that pages import", setup: beside }] });
  const built = await Promise.all([forBrowsers, forServices, forNode]);
  for (const { path, contents } of built.flatMap(({ outputFiles }) => outputFiles)) {
    if (!existsSync(path) || !readFileSync(path).equals(contents)) writeFileSync(path, contents);
  }
}

/** worker-side.js imports index.js as it is built, and not all of it once more; that imports service.js when it needs it. */
function apart({ onResolve }) {
  onResolve({ filter: /\/(index|service)\.js$/ }, ({ path, kind }) => (kind === "entry-point" ? undefined : { path, external: true }));
}

/** service.js takes errors from index.js as it is built; the few checks that both make are in it once more. */
function beside({ onResolve }) {
  onResolve({ filter: /\/errors\.js$/ }, () => ({ path: "./index.js", external: true }));
}

/** The entry point finds the glue beside itself, has the services in it, and shares with `light-nara/worker` what must not be there twice. */
function moved({ onResolve }) {
  onResolve({ filter: /\/(errors|storage)\.js$/ }, ({ path }) => ({ path: `.${path}`, external: true }));
  onResolve({ filter: /\/light_nara\.js$/ }, () => ({ path: "./light_nara.js", external: true }));
}

/** Copies what the page loads of others' code beside it, with its licence: its content policy lets it load from nowhere else. */
function vendor() {
  const from = join(root, "node_modules", "lean-qr");
  const { version } = JSON.parse(readFileSync(join(from, "package.json"), "utf8"));
  const licence = readFileSync(join(from, "LICENSE"), "utf8").trim().replaceAll("*/", "* /");
  const text = `/* lean-qr ${version}\n\n${licence}\n*/\n${readFileSync(join(from, "index.mjs"), "utf8")}`;
  mkdirSync(VENDOR, { recursive: true });
  writeFileSync(join(VENDOR, "lean-qr.js"), text);
}

/** The same module with the benchmark's way in, for `npm run bench` alone; returns its folder. */
export async function buildBench() {
  await build();
  const wanted = readFileSync(STAMP, "utf8");
  const stamp = join(BENCH_PKG, "stamp");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return BENCH_PKG;
  const core = { folder: BENCH_PKG, module: join(BENCH_PKG, "light_nara_bg.wasm"), named: join(BENCH_PKG, "named.wasm"), features: ["--features", "bench"] };
  const glue = await compile(core);
  await optimise(core);
  writeFileSync(join(BENCH_PKG, "light_nara.js"), await wrapped(glue));
  writeFileSync(stamp, wanted);
  return BENCH_PKG;
}

/** Compiles a core into its folder; returns its glue. */
async function compile({ folder, features }) {
  mkdirSync(folder, { recursive: true });
  // As a cdylib alone: beside an rlib there would be no link-time optimisation, and twice the bytes.
  const args = ["rustc", "--locked", "--release", "--lib", "--crate-type", "cdylib", "--target", "wasm32-unknown-unknown", ...features];
  // In place of the flags of .cargo/config.toml, which they repeat: where this machine keeps its crates is nobody's business.
  const crates = join(process.env.CARGO_HOME ?? join(homedir(), ".cargo"), "registry", "src");
  const env = { CARGO_ENCODED_RUSTFLAGS: ["-Ctarget-feature=+simd128", `--remap-path-prefix=${crates}=crates`, ...FOR_SIZE].join("\x1f") };
  await run(["compile the core to WebAssembly", ...features].join(" "), "cargo", args, { usual: "about 1 min", env });
  const target = resolve(root, process.env.CARGO_TARGET_DIR ?? "target");
  const compiled = join(target, "wasm32-unknown-unknown", "release", "light_nara.wasm");
  await run("write its JS glue", "wasm-bindgen", [compiled, "--target", "web", "--no-typescript", "--out-dir", folder]);
  return readFileSync(join(folder, "light_nara.js"), "utf8");
}

/**
 * Makes of the glue, which serves one core, a function that makes it anew for each core; and makes it small, since it is
 * read by nobody.
 */
async function wrapped(glue) {
  const { transform } = await import("esbuild");
  const names = [...glue.matchAll(/^export (?:class|function) (\w+)/gm)].map(([, name]) => name);
  const exported = "export { initSync, __wbg_init as default };";
  const address = "new URL('light_nara_bg.wasm', import.meta.url)";
  if (![exported, address].every((part) => glue.split(part).length === 2)) throw new StepError("wasm-bindgen writes other glue than it did; see scripts/build.js");
  const body = glue.replace(/^export (?=class|function)/gm, "").replace(address, "address").replace(exported, `return { ${names.join(", ")}, initSync, init: __wbg_init, address };`);
  const source = `export function newCore(isFull) {
    const address = isFull ? new URL("light_nara_full_bg.wasm", import.meta.url) : new URL("light_nara_bg.wasm", import.meta.url);
    ${body}
  }`;
  const { code } = await transform(source, { minify: true, format: "esm", target: "es2022" });
  return code;
}

/** Makes a compiled core small. A copy keeps the names of its functions, for `npm run size`. */
async function optimise({ folder, module, named }) {
  const program = join(root, "node_modules", "binaryen", "bin", "wasm-opt");
  const features = WASM_FEATURES.map((feature) => `--enable-${feature}`);
  const wasmOpt = (what, usual, ...args) => run(what, "node", [program, ...args, "--low-memory-unused", "-g", ...features, "--strip-producers", module, "-o", named], { usual });
  // The first 1,024 bytes of memory are the far end of the stack, which nobody addresses by a constant.
  writeFileSync(module, withoutLastWords(readFileSync(join(folder, "light_nara_bg.wasm"))));
  // Blocks and branches are made anew from what follows what, half a per cent smaller. How loads and stores are aligned is a
  // hint, which engines pass over; without it they are alike.
  await wasmOpt(`optimise ${basename(module)}`, "about 30 s", ...INLINING, "--flatten", "--rereloop", "-Oz", "-Oz", "--dealign");
  if (!existsSync(named)) throw new StepError("wasm-opt wrote nothing");
  const optimised = readFileSync(named);
  const ranks = [];
  alike(functionBodies(optimised)).forEach((index, rank) => (ranks[index] = String(rank).padStart(6, "0")));
  writeFileSync(module, renamed(optimised, (name, index) => ranks[index] + name));
  // The levels are those of -Oz, for what writing alone makes smaller.
  await wasmOpt("put its functions in order", "about 5 s", "--optimize-level=3", "--shrink-level=2", "--reorder-functions-by-name");
  writeFileSync(named, renumbered(renamed(readFileSync(named), (name) => name.slice(6))));
  const bytes = withoutNames(readFileSync(named));
  writeFileSync(module, bytes);
  say(`${basename(module)}: ${kilobytes(bytes)}, gzip ${kilobytes(gzipSync(bytes, { level: 9 }))}, brotli ${kilobytes(brotliCompressSync(bytes))}`);
}

function sources() {
  const files = [join(root, "Cargo.toml"), join(root, "Cargo.lock"), ...["build.js", "locals.js", "order.js", "sections.js"].map((name) => join(root, "scripts", name))];
  const walk = (folder) => {
    for (const name of readdirSync(folder).sort()) {
      const path = join(folder, name);
      if (statSync(path).isDirectory()) walk(path);
      else files.push(path);
    }
  };
  walk(join(root, "src"));
  for (const optional of ["rust-toolchain.toml", join(".cargo", "config.toml")]) {
    if (existsSync(join(root, optional))) files.push(join(root, optional));
  }
  return files;
}

function kilobytes(bytes) {
  return `${(bytes.length / 1000).toFixed(1)} kB`;
}

const PKG = join(root, "www", "nara", "pkg");
const VENDOR = join(root, "www", "vendor");
const BENCH_PKG = join(toolsDir, "bench");
const STAMP = join(toolsDir, "wasm-stamp");
const GLUE = join(PKG, "light_nara.js");
/**
 * The cores: the small one, which most pages load, and the full one, for naras with a gateway or services. Each is compiled into a folder of
 * its own, becomes the file `module`, and is kept as `named` with the names of its functions.
 */
export const CORES = [
  { folder: join(toolsDir, "core"), module: join(PKG, "light_nara_bg.wasm"), named: join(toolsDir, "light_nara_named.wasm"), features: ["--no-default-features"] },
  { folder: join(toolsDir, "full"), module: join(PKG, "light_nara_full_bg.wasm"), named: join(toolsDir, "light_nara_full_named.wasm"), features: [] },
];
/**
 * What moves in more than two pieces is copied by one instruction where it took one to load and one to store each, 2.2 kB
 * gzipped (3.5 kB for fewer than two, but Node's engine makes each a call: a store is taken a tenth slower); what both
 * branches do is done once; nothing is worked out in one branch so that another need not, 0.8 kB; and copies that nobody
 * needs are searched for further than usual, 0.3 kB.
 */
const FOR_SIZE = [
  "max-store-memcpy=2",
  "max-store-memmove=2",
  "max-store-memset=1",
  "hoist-common-insts",
  "sink-common-insts",
  "enable-pre=false",
  "enable-load-pre=false",
  "memssa-check-limit=10000",
  "dse-memoryssa-scanlimit=10000",
  "dse-memoryssa-walklimit=10000",
  "capture-tracking-max-uses-to-explore=10000",
].map((option) => `-Cllvm-args=-${option}`);
/**
 * What is as short as its call is inlined wherever it is called, and what is called once only where it is short: gzip finds
 * more alike in pieces, and what is inlined is compiled with its caller, in every nara that wakes.
 */
const INLINING = ["--always-inline-max-function-size=6", "--one-caller-inline-max-function-size=12"];
// What rustc emits as .cargo/config.toml has it; Node 20 and today's browsers load all of it.
const WASM_FEATURES = [
  "bulk-memory",
  "bulk-memory-opt",
  "call-indirect-overlong",
  "multivalue",
  "mutable-globals",
  "nontrapping-float-to-int",
  "reference-types",
  "sign-ext",
  "simd",
];

if (isCommand(import.meta.url)) await runMain(build);
