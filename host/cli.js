#!/usr/bin/env node
// The command `light-nara`: reads the options, runs the host, and ends it cleanly.
import { pathToFileURL } from "node:url";
import { realpathSync } from "node:fs";
import { HELP, VERSION } from "./help.js";
import { startServer } from "./server.js";
import { tellOf } from "./telling.js";
import { parse, readNumber, UsageError } from "./usage.js";

/** Commands beside \`host\`: each a module with \`run(args)\`, loaded when it is asked for. */
const COMMANDS = {
  confidant: () => import("./confidant.js"),
  gateway: () => import("./gateway-command.js"),
};

/** Runs the command; resolves once the host is ready, or has failed and said why. */
export async function main(args) {
  try {
    const command = Object.hasOwn(COMMANDS, args[0] ?? "") ? await COMMANDS[args[0]]() : null;
    if (command !== null) return await command.run(args.slice(1));
    const options = readOptions(args);
    if (options.help) process.stdout.write(HELP);
    else if (options.version) process.stdout.write(`${VERSION}\n`);
    else await runHost(options);
  } catch (error) {
    process.stderr.write(`light-nara: ${sentence(error)}\n`);
    process.exitCode = 1;
  }
}

/** The options as values that are within their limits; throws a UsageError with a sentence. */
export function readOptions(args) {
  const { values, positionals } = parse(args, OPTIONS);
  if (positionals.length > 1 || (positionals[0] ?? "host") !== "host") {
    throw new UsageError(`unknown command "${positionals.join(" ")}"; --help lists what there is`);
  }
  if (values.broker !== undefined && values.redis !== undefined) {
    throw new UsageError("--broker and --redis exclude each other: hosts with one --broker are one plaza already");
  }
  return {
    help: values.help,
    version: values.version,
    port: readNumber("port", values.port, PORT_MAX),
    listen: readAddress(values.listen),
    broker: values.broker === undefined ? null : readWebSocket("broker", values.broker),
    gateway: values.gateway === undefined ? null : readWebSocket("gateway", values.gateway),
    redis: values.redis === undefined ? null : readRedis(values.redis),
    residents: readNumber("residents", values.residents, RESIDENTS_MAX),
  };
}

async function runHost({ port, listen, broker, gateway, redis, residents: count }) {
  const server = await startServer({ port, listen, broker, gateway, redis });
  let residents = null;
  let isStopping = false;
  const stop = async () => {
    if (isStopping) return;
    isStopping = true;
    process.stdout.write("light-nara is going to sleep\n");
    // Whatever hangs, the command ends: a broker may be unreachable just now.
    setTimeout(() => process.exit(0), STOP_MS_MAX).unref();
    await residents?.sleep();
    await server.close();
    process.exit(0);
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  try {
    if (count > 0) {
      // Only now, so that the page is served even where no nara is to live.
      const { wakeResidents } = await import("./residents.js");
      residents = await wakeResidents({ count, plaza: server.plaza, gateway: server.meshes ? server.gateway : undefined });
    }
  } catch (error) {
    await server.close();
    throw error;
  }
  if (isStopping) return;
  process.stdout.write(`light-nara is awake: ${server.url}\n`);
  const names = residents?.naras.map((nara) => nara.name).join(", ") ?? "";
  process.stdout.write(`${names === "" ? "nobody lives here" : `living here: ${names}`}; the plaza is ${server.plaza}; Ctrl+C ends it\n`);
  // Our own broker is there, another may not be.
  if (broker !== null && count > 0) tellOf(residents.naras[0]);
}

function readAddress(text) {
  if (text === "") throw new UsageError("--listen takes an address, such as 127.0.0.1 or 0.0.0.0");
  return text;
}

function readWebSocket(option, text) {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !["ws:", "wss:"].includes(url.protocol)) {
    throw new UsageError(`--${option} takes an address that starts with ws:// or wss://, not "${text}"`);
  }
  // The page is told this address, so whatever is in it is public.
  if (url.username !== "" || url.password !== "") {
    throw new UsageError(`--${option} takes an address without a user name or password, as every page would be told them`);
  }
  return text;
}

function readRedis(text) {
  // Not shown, as it may have a password.
  if (!URL.canParse(text) || !["redis:", "rediss:"].includes(new URL(text).protocol)) {
    throw new UsageError("--redis takes an address that starts with redis:// or rediss://");
  }
  return text;
}

/** What went wrong, in words for the person who typed the command. */
function sentence(error) {
  const { port, address } = error;
  switch (error.code) {
    case "EADDRINUSE":
      return `port ${port} on ${address} is in use; stop what runs there, or choose another with --port`;
    case "EACCES":
      return `port ${port} on ${address} may not be opened by this user; choose one above 1023 with --port`;
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return `${address ?? error.hostname} is no address of this machine; choose another with --listen`;
    case "ERR_MODULE_NOT_FOUND":
      return `a part is missing (${error.message.split("\n")[0]}); run npm run build`;
    default:
      return error.name === "UsageError" || error.name === "NaraError" ? error.message : error.stack;
  }
}

const OPTIONS = {
  port: { type: "string", default: "8080" },
  listen: { type: "string", default: "127.0.0.1" },
  broker: { type: "string" },
  gateway: { type: "string" },
  redis: { type: "string" },
  residents: { type: "string", default: "5" },
  version: { type: "boolean", default: false },
  help: { type: "boolean", short: "h", default: false },
};
const PORT_MAX = 65_535;
const RESIDENTS_MAX = 50;
/** Held stashes are handed on within five seconds. */
const STOP_MS_MAX = 6_000;

// npm links the command, so the real path is compared.
if (import.meta.url === pathToFileURL(realpathSync(process.argv[1] ?? ".")).href) {
  await main(process.argv.slice(2));
}
