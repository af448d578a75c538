// A gateway that cannot be trusted: stands between naras and a real one, and does to each frame what a test wants.
import { once } from "node:events";
import { createServer } from "node:http";
import { WebSocket, WebSocketServer } from "ws";

/** Opens one before the gateway at `url`. */
export async function openMeddler(url) {
  const server = createServer();
  const sockets = new WebSocketServer({ server });
  const meddler = {
    /** Every frame that passed, as { way, head, body }; `way` is "in" towards the nara. */
    seen: [],
    /** What becomes of a frame: the frames that go on instead. */
    change: (frame) => [frame],
    /** Sends a frame to the nara that was invented here. */
    invent: () => {},
    async close() {
      for (const socket of sockets.clients) socket.terminate();
      server.closeAllConnections();
      server.close();
    },
  };
  sockets.on("connection", (nara, request) => {
    // The nara signs whom it attaches to, so the real one is told that name.
    const gateway = new WebSocket(url, { headers: { host: request.headers.host } });
    const early = [];
    const pass = (way, socket) => (data) => {
      if (socket.readyState !== WebSocket.OPEN) return void early.push(data);
      const end = data.indexOf(10);
      const frame = { way, head: JSON.parse(data.subarray(0, end).toString()), body: data.subarray(end + 1) };
      meddler.seen.push(frame);
      for (const { head, body } of meddler.change(frame)) socket.send(join(head, body));
    };
    meddler.invent = ({ head, body = Buffer.alloc(0) }) => nara.send(join({ n: 0, ...head }, body));
    const out = pass("out", gateway);
    nara.on("message", out);
    gateway.on("message", pass("in", nara));
    gateway.on("open", () => early.splice(0).forEach(out));
    for (const [one, other] of [[nara, gateway], [gateway, nara]]) {
      one.on("close", () => other.terminate());
      one.on("error", () => {});
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  meddler.url = `ws://127.0.0.1:${server.address().port}/mesh`;
  return meddler;
}

/** The message in a frame, or null. */
export function messageOf({ head, body }) {
  return head.t === "request" && head.path === "/mesh/message" ? JSON.parse(body) : null;
}

function join(head, body) {
  return Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), Buffer.from(body)]);
}
