// The two plazas that every promise is kept on: the embedded one and a real mosquitto.
import { startServer } from "../../host/server.js";
import { startMosquitto } from "./mosquitto.js";

/** Each with `open()`, which returns `{ url, stop }`. */
export const plazas = [
  {
    name: "the embedded plaza",
    async open() {
      const server = await startServer({ port: 0, listen: "127.0.0.1" });
      return { url: server.plaza, stop: () => server.close() };
    },
  },
  { name: "a real mosquitto", open: startMosquitto },
];
