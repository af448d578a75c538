// The two plazas that every promise is kept on: the embedded one and a real mosquitto.
import { startServer } from "../../host/server.js";
import { startMosquitto } from "./mosquitto.js";

/** Each with `open(at)`, which returns `{ url, at, stop }`; `at` puts it where one was before. */
export const plazas = [
  {
    name: "the embedded plaza",
    async open(at = 0) {
      const server = await startServer({ port: at, listen: "127.0.0.1" });
      return { url: server.plaza, at: Number(new URL(server.plaza).port), stop: () => server.close() };
    },
  },
  {
    name: "a real mosquitto",
    async open(at = null) {
      const broker = await startMosquitto({ ports: at });
      return { url: broker.url, at: broker.ports, stop: broker.stop };
    },
  },
];

const CHOICE = { embedded: plazas[0], mosquitto: plazas[1] };

/** The one that tests of the page run on: `npm test` runs them twice, with the environment variable PLAZA. */
export const chosenPlaza = CHOICE[process.env.PLAZA ?? "embedded"];
if (chosenPlaza === undefined) throw new Error(`PLAZA is one of ${Object.keys(CHOICE).join(", ")}`);
export const isEmbedded = chosenPlaza === CHOICE.embedded;
