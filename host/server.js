// Serves the page, and the plaza beside it, on one port.
import { createServer } from "node:http";
import { readFile, realpath, stat } from "node:fs/promises";
import { extname, join, sep } from "node:path";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";
import { fileURLToPath } from "node:url";
import { CONNECTIONS_MAX, openPlaza } from "./broker.js";
import { openGateway, sourceOf } from "./gateway.js";
import { refuseUpgrade } from "./upgrade.js";

/**
 * Starts listening.
 * With `broker`, the address of another MQTT broker, the page is sent there and
 * no plaza is opened here. With `redis`, the address of a Redis, the plaza is
 * one with those of all other hosts that have it.
 * With `gateway`, the address of a gateway to the mesh, the page is sent there.
 * Returns `{ url, plaza, gateway, meshes, close }`: the page, the addresses of plaza and
 * gateway as this process reaches them, whether the gateway is of use to those
 * who live here, and a function that ends everything.
 */
export async function startServer({ port, listen, broker = null, gateway: other = null, redis = null }) {
  const plaza = broker === null ? await openPlaza({ redis }) : null;
  const gateway = openGateway();
  // Go naras, which only the mesh reaches, are on another broker; our own
  // gateway's addresses lead here from this machine alone.
  const meshes = other !== null || (broker !== null && isLoopback(broker));
  const config = { plaza: broker, gateway: meshes ? (other ?? "/mesh") : null };
  // It leads to naras on this machine; where nobody who lives here needs that, nobody from elsewhere gets it.
  const isForMesh = (request) => (meshes && other === null) || sourceOf(request) === null;
  const server = createServer((request, response) => {
    answer(request, response, config).catch(() => sendText(response, 500, "something went wrong here"));
  });
  // Who asks and does not read is cut off, and keeps no room from others; a socket that is upgraded has no time limit.
  Object.assign(server, { timeout: UNREAD_MS_MAX, maxConnections: CONNECTIONS_MAX + REQUESTS_MAX });
  server.on("upgrade", (request, socket, head) => {
    const path = pathOf(request);
    if (path === "/mesh" && isForMesh(request)) gateway.welcome(request, socket, head);
    else if (path !== "/mqtt") refuseUpgrade(socket, 404, "there is no WebSocket here, the plaza is at /mqtt");
    else if (plaza === null) refuseUpgrade(socket, 404, "this host keeps no plaza, it uses another broker");
    else if (!subprotocols(request).includes("mqtt")) refuseUpgrade(socket, 400, "the plaza speaks the WebSocket subprotocol mqtt");
    else if (!plaza.isOpen()) refuseUpgrade(socket, 503, "the plaza cannot reach its Redis just now");
    else if (plaza.isFull()) refuseUpgrade(socket, 503, "the plaza is full");
    else plaza.welcome(request, socket, head);
  });
  try {
    await listenOn(server, port, listen);
  } catch (error) {
    await plaza?.close();
    throw error;
  }
  const host = reachableHost(listen);
  const actualPort = server.address().port;
  return {
    url: `http://${host}:${actualPort}/`,
    gateway: other ?? `ws://${host}:${actualPort}/mesh`,
    meshes,
    plaza: broker ?? `ws://${host}:${actualPort}/mqtt`,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      await gateway.close();
      await plaza?.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

function listenOn(server, port, listen) {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port, host: listen }, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

async function answer(request, response, config) {
  if (request.method !== "GET" && request.method !== "HEAD") {
    response.setHeader("Allow", "GET, HEAD");
    return sendText(response, 405, "only GET and HEAD are answered here");
  }
  const path = pathOf(request);
  if (path === null) return sendText(response, 400, "this is not a path");
  if (path === "/config.json") {
    // null is the plaza beside the page, whose address only the page knows: it is the name it reached us by.
    return send(response, 200, MIME[".json"], Buffer.from(JSON.stringify(config)), request.method);
  }
  // Browsers ask for this one beside whatever names no icon itself.
  const file = await fileAt(path === "/favicon.ico" ? "/icon.svg" : path);
  if (file === null) return sendText(response, 404, "there is nothing here");
  const { body, encoding } = await packed(file, request.headers["accept-encoding"] ?? "", config);
  if (encoding !== null) response.setHeader("Content-Encoding", encoding);
  response.setHeader("Vary", "Accept-Encoding");
  return send(response, 200, MIME[extname(file)], body, request.method);
}

/** The file in www/ that a path names; null for all else, hidden files and folders included. */
async function fileAt(path) {
  const segments = (path.endsWith("/") ? `${path}index.html` : path).split("/").slice(1);
  if (segments.some((segment) => segment === "" || segment.startsWith(".") || /[\\\0]/.test(segment))) return null;
  if (MIME[extname(segments.at(-1))] === undefined) return null;
  try {
    // A link may lead out of the folder, so the real path is what counts.
    const [folder, file] = await Promise.all([realpath(WWW), realpath(join(WWW, ...segments))]);
    return file.startsWith(folder + sep) && (await stat(file)).isFile() ? file : null;
  } catch {
    return null;
  }
}

/** A file as this browser may have it: half a module by brotli is half the wait on a slow line. Packed once per version. */
async function packed(file, accepted, config) {
  const body = await contents(file, config);
  if (!PACKABLE.has(extname(file))) return { body, encoding: null };
  const encoding = Object.keys(PACK).find((name) => accepts(accepted, name));
  if (encoding === undefined) return { body, encoding: null };
  const key = `${encoding} ${file}`;
  let entry = packedFiles.get(key);
  if (entry === undefined || !entry.from.equals(body)) {
    entry = { from: body, body: PACK[encoding](body) };
    packedFiles.set(key, entry);
  }
  return { body: await entry.body, encoding };
}

/** A file as it is, but that the page has the core loaded ahead which it will use. */
async function contents(file, { gateway }) {
  const body = await readFile(file);
  if (gateway === null || extname(file) !== ".html") return body;
  return Buffer.from(body.toString().replace("light_nara_bg.wasm", "light_nara_full_bg.wasm"));
}

/** Whether an Accept-Encoding header names this encoding, and not with a weight of 0. */
function accepts(header, encoding) {
  return header.split(",").some((item) => {
    const [name, weight = "q=1"] = item.split(";").map((part) => part.trim().toLowerCase());
    return name === encoding && Number(weight.replace("q=", "")) > 0;
  });
}

/** The decoded path of a request; null if it cannot be decoded. */
function pathOf(request) {
  try {
    return decodeURIComponent(request.url.split(/[?#]/, 1)[0]);
  } catch {
    return null;
  }
}

function subprotocols(request) {
  return (request.headers["sec-websocket-protocol"] ?? "").split(",").map((name) => name.trim());
}

function sendText(response, status, sentence) {
  if (response.headersSent) return response.destroy();
  return send(response, status, "text/plain; charset=utf-8", Buffer.from(`${sentence}\n`), "GET");
}

function send(response, status, type, body, method) {
  response.writeHead(status, { ...HEADERS, "Content-Type": type, "Content-Length": body.length });
  response.end(method === "HEAD" ? undefined : body);
}

/** Whether an address is on this machine. */
function isLoopback(url) {
  const { hostname } = new URL(url);
  return hostname === "localhost" || hostname === "[::1]" || hostname.startsWith("127.");
}

/** An address that listens everywhere is reached on loopback; IPv6 goes into brackets. */
function reachableHost(listen) {
  if (listen === "0.0.0.0") return "127.0.0.1";
  if (listen === "::") return "[::1]";
  return listen.includes(":") ? `[${listen}]` : listen;
}

/** Node looks twice whether anything moves. */
const UNREAD_MS_MAX = 15_000;
/** Connections beside those of the plaza: of pages that load, and of the gateway. */
const REQUESTS_MAX = 1_024;
const WWW = fileURLToPath(new URL("../www", import.meta.url));

/** By encoding and path; there are only so many files in www/. */
const packedFiles = new Map();
const PACKABLE = new Set([".html", ".js", ".css", ".wasm", ".svg", ".json"]);
const PACK = {
  br: (body) => promisify(brotliCompress)(body, { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } }),
  gzip: promisify(gzip),
};

const HEADERS = {
  // Another broker may be anywhere, so sockets may go anywhere; nothing else leaves the host.
  "Content-Security-Policy": [
    "default-src 'self'",
    "script-src 'self' 'wasm-unsafe-eval'",
    "connect-src 'self' ws: wss:",
    "img-src 'self' data:",
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; "),
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cache-Control": "no-cache",
};

const MIME = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".json": "application/json; charset=utf-8",
  ".map": "application/json; charset=utf-8",
  ".webmanifest": "application/manifest+json; charset=utf-8",
  ".wasm": "application/wasm",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".ico": "image/x-icon",
  ".woff2": "font/woff2",
};
