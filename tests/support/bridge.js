// WebSockets on one side, TCP on the other, the same bytes on both: what stands before a broker whose own WebSockets are slow.
import { connect } from "node:net";
import { WebSocketServer } from "ws";

/** A WebSocket address that leads to the TCP address `tcp`; returns `{ url, stop }`. */
export async function layBridge(tcp) {
  const to = new URL(tcp);
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false, handleProtocols: () => "mqtt" });
  server.on("connection", (socket) => {
    const line = connect(Number(to.port), to.hostname);
    socket.on("message", (data) => line.write(data));
    socket.on("close", () => line.destroy());
    socket.on("error", () => line.destroy());
    line.on("data", (data) => socket.send(data));
    line.on("close", () => socket.close());
    line.on("error", () => socket.terminate());
  });
  await new Promise((resolve) => server.once("listening", resolve));
  return {
    url: `ws://127.0.0.1:${server.address().port}/mqtt`,
    async stop() {
      for (const socket of server.clients) socket.terminate();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
