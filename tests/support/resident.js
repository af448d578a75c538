// A resident nara in a process of its own, so that it can be ended in any way.
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Nara } from "light-nara";

/** Starts one; returns `{ id, name, sayChau, kill }`. */
export async function startResident(plaza) {
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), plaza], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise((resolve) => child.once("close", resolve));
  const first = new Promise((resolve) => child.stdout.setEncoding("utf8").once("data", resolve));
  const line = await Promise.race([first, ended.then((code) => { throw new Error(`the resident ended with ${code}`); })]);
  const end = async (signal) => {
    child.kill(signal);
    await ended;
  };
  return { ...JSON.parse(line), sayChau: () => end("SIGTERM"), kill: () => end("SIGKILL") };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const nara = await Nara.wake({ plaza: process.argv[2], memory: "medium" });
  process.once("SIGTERM", async () => {
    await nara.sleep();
    process.exit();
  });
  process.stdout.write(`${JSON.stringify({ id: nara.id, name: nara.name })}\n`);
}
