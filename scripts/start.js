// The first command: builds what is missing, then runs the host.
import { build } from "./build.js";
import { runMain } from "./steps.js";

await runMain(async () => {
  const words = process.argv.slice(2);
  const asked = words[0]?.startsWith("-") ? words.find((word) => ["--help", "-h", "--version"].includes(word)) : undefined;
  if (asked !== undefined) return tell(asked);
  await build();
  // Only now, because the host's packages may just have been installed.
  const { main } = await import("../host/cli.js");
  await main(process.argv.slice(2));
});

/** The options and the version need nothing that is built, nor any package. */
async function tell(asked) {
  const { HELP, VERSION } = await import("../host/help.js");
  process.stdout.write(asked === "--version" ? `${VERSION}\n` : HELP);
}
