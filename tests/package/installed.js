// A project that has installed the package from its tarball, as npm installs it.
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { cp, mkdir, readFile, readdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const root = fileURLToPath(new URL("../..", import.meta.url));
const fixtures = fileURLToPath(new URL("fixtures", import.meta.url));
const run = promisify(execFile);

/** Packs and installs, unless this very tarball is installed; gives `{ folder, tarball }`. */
export async function installed() {
  const target = join(root, "target", "package");
  await mkdir(target, { recursive: true });
  const { stdout } = await run("npm", ["pack", "--json", "--ignore-scripts", "--loglevel=error", "--pack-destination", target], { cwd: root });
  const tarball = join(target, JSON.parse(stdout)[0].filename);
  const folder = join(target, createHash("sha256").update(await readFile(tarball)).digest("hex").slice(0, 16));
  if (!existsSync(folder)) {
    for (const older of await readdir(target, { withFileTypes: true })) {
      if (older.isDirectory()) await rm(join(target, older.name), { recursive: true });
    }
    const half = `${folder}.half`;
    await mkdir(half);
    await writeFile(join(half, "package.json"), JSON.stringify({ name: "elsewhere", private: true, type: "module" }));
    await run("npm", ["install", "--prefer-offline", "--no-audit", "--no-fund", "--loglevel=error", tarball], { cwd: half });
    await rename(half, folder);
  }
  return { folder, tarball };
}

/** A fresh copy of a fixture inside the project, where its imports find the package. */
export async function fixture(folder, name, as = name) {
  const copy = join(folder, as);
  await rm(copy, { recursive: true, force: true });
  await cp(join(fixtures, name), copy, { recursive: true });
  await cp(join(fixtures, "keep.js"), join(copy, "keep.js"));
  return copy;
}
