// Packs the package, installs the tarball elsewhere, and tries it as its users will.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { build } from "./build.js";
import { testPrograms } from "./setup.js";
import { root, run, runMain } from "./steps.js";

await runMain(async () => {
  await build();
  await testPrograms();
  const files = readdirSync(join(root, "tests", "package")).filter((name) => name.endsWith(".test.js")).sort();
  const args = ["--test", "--test-concurrency=1", "--test-reporter=spec", ...files.map((name) => join("tests", "package", name))];
  await run("try the package as installed", "node", args, { live: true, usual: "about 40 s" });
});
