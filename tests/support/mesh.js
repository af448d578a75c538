// A real mosquitto, a real gateway, and peers that behave as Go naras do.
import { Nara } from "light-nara";
import { startServer } from "../../host/server.js";
import { Gopher } from "./gopher.js";
import { startMosquitto } from "./mosquitto.js";
import { until } from "./until.js";

/** Opens them; `gophers` is how many such peers there are. */
export async function openMesh({ gophers: count }) {
  const mosquitto = await startMosquitto();
  const host = await startServer({ port: 0, listen: "127.0.0.1", broker: mosquitto.url });
  const gophers = Array.from({ length: count }, (_, n) => new Gopher(`gopher-${n + 1}`));
  for (const gopher of gophers) await gopher.start(mosquitto.url);
  await until("the gophers to know each other", () => gophers.every(({ peers }) => peers.size === gophers.length - 1));
  const awake = new Set();
  return {
    plaza: mosquitto.url,
    gateway: host.gateway,
    gophers,
    /** Wakes a nara on it. */
    async wake(options = {}) {
      for (const gopher of gophers) gopher.greeted = 0; // as if they had been up for a while
      const nara = await Nara.wake({ plaza: mosquitto.url, gateway: host.gateway, memory: "medium", ...options });
      awake.add(nara);
      return nara;
    },
    /** Waits until a nara has heard where each of these can be asked. */
    async untilReached(nara, peers = gophers) {
      const online = ({ id }) => nara.status().peers.find((peer) => peer.id === id)?.presence === "online";
      await until("the address of the nara itself", () => nara.status().mesh.address);
      await until("everybody to be seen", () => peers.every(online));
      for (const gopher of peers) gopher.announce();
      await until("their newspapers", () => peers.every(({ id }) => nara.status().peers.find((peer) => peer.id === id).mode !== null));
    },
    /** Puts every nara to sleep. */
    async sleep() {
      await Promise.all([...awake].map((nara) => nara.sleep()));
      awake.clear();
    },
    async close() {
      await this.sleep();
      for (const gopher of gophers) await gopher.stop();
      await host.close();
      await mosquitto.stop();
    },
  };
}
