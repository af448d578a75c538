// The first command: builds what is missing, then runs the host.
import { build } from "./build.js";
import { runMain } from "./steps.js";

await runMain(async () => {
  const [first, ...others] = process.argv.slice(2);
  if (first === "--help" || (first?.startsWith("--") && others.includes("--help"))) return help();
  await build();
  // Only now, because the host's packages may just have been installed.
  const { main } = await import("../host/cli.js");
  await main(process.argv.slice(2));
});

/** The options need nothing that is built, nor any package. */
async function help() {
  const { HELP } = await import("../host/help.js");
  process.stdout.write(HELP);
}
