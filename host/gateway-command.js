// The command `light-nara gateway`: a gateway to the mesh in a process of its own, such as beside a tailnet node.
import { createServer } from "node:http";
import { isIPv4 } from "node:net";
import { networkInterfaces } from "node:os";
import { NETWORKS, openGateway } from "./gateway.js";
import { refuseUpgrade } from "./upgrade.js";
import { parse, readNumber, UsageError } from "./usage.js";

/** What `--help` prints. */
export const HELP = `light-nara gateway: a way to the mesh, for naras in browser tabs

  light-nara gateway [options]

  --port N         where naras attach, at /mesh (default 8082; 0 for any free one)
  --listen ADDR    the address to listen on for them (default 127.0.0.1, this machine only)
  --address IP     what each nara is given an address on, with a port of its own (default 127.0.0.1)
  --network NET    where naras may ask, such as 10.0.0.0/8; may be given again (default ${NETWORKS.join(" and ")})
  --origin URL     a page's origin, such as https://example.org; may be given again.
                   Without one, only pages that this gateway's own host serves may attach
  --help, -h       show this
`;

/** Runs the command; resolves once naras can attach. */
export async function run(args) {
  const options = readOptions(args);
  if (options.help) return void process.stdout.write(HELP);
  if (!isHere(options.address)) throw notHere(options.address);
  const gateway = openGateway(options);
  const server = createServer({ headersTimeout: PATIENCE_MS, requestTimeout: PATIENCE_MS }, (request, response) => {
    response.writeHead(404, { "Content-Type": "text/plain; charset=utf-8" }).end("naras attach here, at /mesh\n");
  });
  server.on("upgrade", (request, socket, head) => {
    if (request.url.split("?", 1)[0] === "/mesh") gateway.welcome(request, socket, head);
    else refuseUpgrade(socket, 404, "there is no WebSocket here, naras attach at /mesh");
  });
  await new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, options.listen, resolve);
  });
  const stop = () => {
    setTimeout(() => process.exit(0), STOP_MS_MAX).unref();
    gateway.close().then(() => server.close(() => process.exit(0)));
    server.closeAllConnections();
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  const host = options.listen.includes(":") ? `[${options.listen}]` : options.listen;
  const pages = options.origins.length > 0 ? `pages of ${options.origins.join(", ")}` : "no page (--origin lets one in)";
  process.stdout.write(`naras attach at ws://${host}:${server.address().port}/mesh and are reached on ${options.address}; beside programs, ${pages} may\n`);
}

/** The options as values that are within their limits; throws a UsageError with a sentence. */
export function readOptions(args) {
  const { values, positionals } = parse(args, OPTIONS);
  if (positionals.length > 0) throw new UsageError(`unknown word "${positionals.join(" ")}"; --help lists what there is`);
  if (values.help) return { help: true };
  if (values.listen === "") throw new UsageError("--listen takes an address, such as 127.0.0.1 or 0.0.0.0");
  if (!isIPv4(values.address) || values.address === "0.0.0.0") throw notHere(values.address);
  return {
    help: false,
    port: readNumber("port", values.port, PORT_MAX),
    listen: values.listen,
    address: values.address,
    networks: values.network?.map(readNetwork) ?? NETWORKS,
    origins: values.origin?.map(readOrigin) ?? [],
  };
}

/** Whether naras can be given addresses on it; all of 127.0.0.0/8 is loopback, and not listed. */
function isHere(address) {
  return address.startsWith("127.") || Object.values(networkInterfaces()).flat().some((own) => own.address === address);
}

function notHere(text) {
  return new UsageError(`--address takes an IPv4 address of this machine, not "${text}"`);
}

function readNetwork(text) {
  const [address, prefix] = text.split("/");
  if (!isIPv4(address) || !/^\d{1,2}$/.test(prefix ?? "") || Number(prefix) > 32) {
    throw new UsageError(`--network takes an IPv4 network such as 100.64.0.0/10, not "${text}"`);
  }
  return text;
}

function readOrigin(text) {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !["http:", "https:"].includes(url.protocol) || url.origin !== text.replace(/\/$/, "")) {
    throw new UsageError(`--origin takes scheme, name and port of a page, such as https://example.org, not "${text}"`);
  }
  return url.origin;
}

const OPTIONS = {
  port: { type: "string", default: "8082" },
  listen: { type: "string", default: "127.0.0.1" },
  address: { type: "string", default: "127.0.0.1" },
  network: { type: "string", multiple: true },
  origin: { type: "string", multiple: true },
  help: { type: "boolean", short: "h", default: false },
};
const PORT_MAX = 65_535;
const PATIENCE_MS = 10_000;
const STOP_MS_MAX = 2_500;
