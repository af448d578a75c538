// The first command: builds what is missing, then runs the host.
import { build } from "./build.js";
import { runMain } from "./steps.js";

await runMain(async () => {
  await build();
  // Only now, because the host's packages may just have been installed.
  const { main } = await import("../host/cli.js");
  await main(process.argv.slice(2));
});
