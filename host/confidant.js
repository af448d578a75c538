// The command `light-nara confidant`: an always-on nara on a server, with its health and figures on loopback.
import { randomUUID } from "node:crypto";
import { link, open, unlink, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { dirname } from "node:path";
import { tellOf } from "./telling.js";
import { parse, readNumber, UsageError } from "./usage.js";

/** What `--help` prints. */
export const HELP = `light-nara confidant: an always-on nara that holds others' sealed memories

  light-nara confidant --plaza URL [options]

  --plaza URL       the MQTT broker's ws:// or wss:// address
  --soul-file FILE  who it is; made, for its owner's eyes only, if there is none (default: somebody new each time)
  --memory MODE     short, medium or hog: 5, 20 or 50 memories held (default hog)
  --port N          where /health and /metrics are answered, on 127.0.0.1 (default 9464; 0 for any free one)
  --help, -h        show this
`;

/** Runs the command; resolves once the nara is awake. */
export async function run(args) {
  const options = readOptions(args);
  if (options.help) return void process.stdout.write(HELP);
  const nara = await wake(options);
  let server;
  try {
    server = await serve(nara, options.port);
  } catch (error) {
    await nara.sleep();
    throw error;
  }
  let isStopping = false;
  const stop = async () => {
    if (isStopping) return;
    isStopping = true;
    // Whatever hangs, the command ends: the plaza may be unreachable just now.
    setTimeout(() => process.exit(0), STOP_MS_MAX).unref();
    await nara.sleep({ handOff: true });
    server.closeAllConnections();
    server.close(() => process.exit(0));
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  process.stdout.write(`${nara.name} is awake: http://127.0.0.1:${server.address().port}/health\n`);
  tellOf(nara);
}

/** The options as values that are within their limits; throws a UsageError with a sentence. */
export function readOptions(args) {
  const { values, positionals } = parse(args, OPTIONS);
  if (positionals.length > 0) throw new UsageError(`unknown word "${positionals.join(" ")}"; --help lists what there is`);
  if (values.help) return { help: true };
  if (values.plaza === undefined) throw new UsageError("--plaza is needed, such as --plaza wss://example.org/mqtt");
  if (!["short", "medium", "hog"].includes(values.memory)) throw new UsageError(`--memory takes short, medium or hog, not "${values.memory}"`);
  if (values["soul-file"] === "") throw new UsageError("--soul-file takes the path of a file");
  return {
    help: false,
    plaza: values.plaza,
    soulFile: values["soul-file"] ?? null,
    memory: values.memory,
    port: readNumber("port", values.port, PORT_MAX),
  };
}

async function wake({ plaza, memory, soulFile: path }) {
  const { Nara } = await import("light-nara");
  try {
    // A process keeps its timers, so its loss can be noticed soon.
    return await Nara.wake({ plaza, memory, keepAlive: 30, ...(path === null ? {} : { storage: soulFile(path) }) });
  } catch (error) {
    throw error.cause instanceof UsageError ? error.cause : error;
  }
}

/** A file as the storage of one soul, and of nothing else: who held a memory is found anew. */
export function soulFile(path) {
  return {
    get: (key) => (key === SOUL_KEY ? readSoul(path) : null),
    set: (key, soul) => (key === SOUL_KEY ? writeSoul(path, soul) : undefined),
  };
}

/** The soul in a file, or null if there is no such file. A file that others can read is refused. */
async function readSoul(path) {
  let file;
  try {
    file = await open(path, "r");
  } catch (error) {
    if (error.code === "ENOENT") return null;
    throw new UsageError(`--soul-file: ${path} cannot be read: ${plainly(error, path)}`);
  }
  try {
    const { mode, size } = await file.stat();
    if (process.platform !== "win32" && (mode & OTHERS) !== 0) {
      throw new UsageError(`--soul-file: others may use ${path}, and whoever has the soul is this nara; chmod 600 it`);
    }
    if (size > SOUL_FILE_BYTES_MAX) throw new UsageError(`--soul-file: ${path} is over ${SOUL_FILE_BYTES_MAX} bytes, so it holds no soul`);
    return (await file.readFile("utf8")).trim();
  } finally {
    await file.close();
  }
}

/** Either all of the soul is in the file, and on the disk, or there is no file; one that appeared meanwhile is left alone. */
async function writeSoul(path, soul) {
  const half = `${path}.${randomUUID()}`;
  try {
    try {
      await writeFile(half, `${soul}\n`, { flag: "wx", mode: 0o600, flush: true });
      await link(half, path);
    } finally {
      await unlink(half).catch(() => {});
    }
    if (process.platform !== "win32") await syncFolder(dirname(path));
  } catch (error) {
    throw new UsageError(`--soul-file: ${path} cannot be made: ${plainly(error, path)}`);
  }
}

/** So that the name, too, is on the disk. */
async function syncFolder(path) {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** What the system refused, in words for the person who typed the path. */
function plainly({ code }, path) {
  const words = {
    ENOENT: `there is no folder ${dirname(path)}`,
    ENOTDIR: `${dirname(path)} is no folder`,
    EISDIR: "it is a folder",
    EEXIST: "another process has just made it; start again to use that one",
    EACCES: "this user may not",
    EPERM: "this user may not",
    EROFS: "the disk is read-only",
    ENOSPC: "the disk is full",
  };
  return words[code] ?? code;
}

function serve(nara, port) {
  const server = createServer((request, response) => {
    const status = nara.status();
    const isOnline = status.connection.state === "online";
    if (request.url === "/health") return send(response, isOnline ? 200 : 503, "application/json", `${JSON.stringify({ id: status.id, name: status.name, state: status.connection.state })}\n`);
    if (request.url === "/metrics") return send(response, 200, "text/plain; version=0.0.4; charset=utf-8", metrics(status, isOnline));
    return send(response, 404, "text/plain; charset=utf-8", "there are /health and /metrics\n");
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => resolve(server));
  });
}

function send(response, code, type, body) {
  response.writeHead(code, { "Content-Type": type, "Cache-Control": "no-store" }).end(body);
}

/** What Prometheus reads. */
function metrics({ peers, held, drops = {} }, isOnline) {
  const gauge = (name, help, value) => `# HELP light_nara_${name} ${help}\n# TYPE light_nara_${name} gauge\nlight_nara_${name} ${value}\n`;
  const bytes = held.stashes.reduce((sum, stash) => sum + stash.bytes, 0);
  const dropped = Object.values(drops).reduce((sum, count) => sum + count, 0);
  return [
    gauge("online", "Whether the plaza is reached.", Number(isOnline)),
    gauge("peers_online", "Peers that are online.", peers.filter(({ presence }) => presence === "online").length),
    gauge("held_stashes", "Stashes held for others.", held.count),
    gauge("held_stashes_max", "How many may be held.", held.limit),
    gauge("held_bytes", "Bytes of the stashes held.", bytes),
    "# HELP light_nara_dropped_messages_total Messages dropped.\n# TYPE light_nara_dropped_messages_total counter\n",
    `light_nara_dropped_messages_total ${dropped}\n`,
  ].join("");
}

const OPTIONS = {
  plaza: { type: "string" },
  "soul-file": { type: "string" },
  memory: { type: "string", default: "hog" },
  port: { type: "string", default: "9464" },
  help: { type: "boolean", short: "h", default: false },
};
const PORT_MAX = 65_535;
/** The permission bits of a file that concern anybody but its owner. */
const OTHERS = 0o077;
const SOUL_FILE_BYTES_MAX = 4_096;
const SOUL_KEY = "light-nara:soul";
/** Held stashes are handed on within five seconds. */
const STOP_MS_MAX = 6_000;
