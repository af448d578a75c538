// How a WebSocket that is not wanted is told so.

/** Ends an upgrade with a status and a sentence. */
export function refuseUpgrade(socket, status, sentence) {
  socket.on("error", () => {});
  // Whoever reads the answer and stays would hold the socket for ever.
  setTimeout(() => socket.destroy(), LINGER_MS).unref();
  const body = `${sentence}\n`;
  socket.end(`HTTP/1.1 ${status} Refused\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
}

const LINGER_MS = 1_000;
