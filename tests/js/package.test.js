// What another project gets when it installs the package.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const root = fileURLToPath(new URL("../..", import.meta.url));
const run = promisify(execFile);

let folder;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "light-nara-package-"));
  const { stdout } = await run("npm", ["pack", "--json", "--pack-destination", folder], { cwd: root });
  const [{ filename }] = JSON.parse(stdout);
  await mkdir(join(folder, "node_modules", "light-nara"), { recursive: true });
  await run("tar", ["-xzf", join(folder, filename), "--strip-components=1", "-C", join(folder, "node_modules", "light-nara")]);
  const { dependencies } = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
  // What npm would install beside it, taken from here.
  for (const name of Object.keys(dependencies)) await symlink(join(root, "node_modules", name), join(folder, "node_modules", name));
});
after(() => rm(folder, { recursive: true, force: true }));

/** Runs a module in the other project. */
async function elsewhere(source) {
  const file = join(folder, "main.mjs");
  await writeFile(file, source);
  return (await run(process.execPath, [file], { cwd: folder, timeout: 30_000 })).stdout.trim();
}

test("the README's first lines run as they stand", async () => {
  const output = await elsewhere(`
    import { Nara, NaraError } from "light-nara";
    const nara = await Nara.wake({ plaza: "ws://127.0.0.1:9/mqtt", memory: "medium" });
    console.log(typeof nara.id, typeof nara.name, typeof nara.soul, NaraError.prototype instanceof Error);
    await nara.sleep();
  `);
  assert.equal(output, "string string string true");
});

test("a process that put its naras to sleep ends by itself", async () => {
  assert.equal(await elsewhere(`
    import { Nara } from "light-nara";
    const naras = await Promise.all([1, 2, 3].map(() => Nara.wake({ plaza: "ws://127.0.0.1:9/mqtt" })));
    await Promise.all(naras.map((nara) => nara.sleep()));
    console.log("asleep");
  `), "asleep");
});

test("the command runs from the package", async () => {
  const { stdout } = await run(process.execPath, [join(folder, "node_modules", "light-nara", "host", "cli.js"), "--help"]);
  assert.match(stdout, /--residents/);
});

test("types come with it, and nothing that is only for building it", async () => {
  const { stdout } = await run("npm", ["pack", "--json", "--dry-run"], { cwd: root });
  const files = JSON.parse(stdout)[0].files.map(({ path }) => path);
  for (const path of ["www/nara/index.d.ts", "www/nara/index.js", "www/nara/node.js", "www/nara/pkg/light_nara_bg.wasm", "www/index.html", "host/cli.js"]) {
    assert.ok(files.includes(path), path);
  }
  assert.deepEqual(files.filter((path) => /^(src|scripts|tests|\.|target)/.test(path)), []);
});

test("require gives the same nara in CommonJS", async () => {
  const file = join(folder, "main.cjs");
  await writeFile(file, `
    const { Nara, load } = require("light-nara");
    (async () => {
      const nara = await Nara.wake({ plaza: "ws://127.0.0.1:9/mqtt" });
      const all = await load();
      console.log(nara instanceof all.Nara, typeof nara.soul);
      await nara.sleep();
    })();
  `);
  assert.equal((await run(process.execPath, [file], { cwd: folder, timeout: 30_000 })).stdout.trim(), "true string");
});
