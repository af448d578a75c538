// The entry point `light-nara/worker` for Node: the worker is a thread.
import { startWith } from "./worker.js";

export { init, Nara, NaraError } from "./worker.js";

startWith(async () => new (await import("node:worker_threads")).Worker(new URL("./worker-side-node.js", import.meta.url)));
