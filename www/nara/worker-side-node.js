// What runs in the thread of `light-nara/worker` in Node.
import { parentPort } from "node:worker_threads";
import "./node.js";
import { serve } from "./worker-side.js";

parentPort?.once("message", ({ lightNara }) => serve(lightNara));
