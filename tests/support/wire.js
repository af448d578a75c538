// A wire between a browser and a plaza that can go dead without a word, as wires do.
import { connect, createServer } from "node:net";

/** A wire to the WebSocket address `plaza`; returns `{ url, kill, stop }`, the address at this end among them. */
export async function layWire(plaza) {
  const to = new URL(plaza);
  const lines = new Set();
  const server = createServer((near) => {
    const far = connect(Number(to.port), to.hostname);
    const line = { near, far };
    lines.add(line);
    near.pipe(far).on("error", () => near.destroy());
    far.pipe(near).on("error", () => far.destroy());
    near.on("close", () => lines.delete(line));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `ws://127.0.0.1:${server.address().port}${to.pathname}`,
    /** Nothing passes any more on what is connected now, and nobody is told; new connections are well. */
    kill() {
      for (const { near, far } of lines) {
        near.unpipe(far);
        far.unpipe(near);
        near.resume();
        far.resume();
        near.removeAllListeners("end");
      }
    },
    async stop() {
      for (const { near, far } of lines) {
        near.destroy();
        far.destroy();
      }
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
