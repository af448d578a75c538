// The words of `light-nara --help` and `--version`, apart, so that they can be printed before anything is installed or built.
import { readFileSync } from "node:fs";

/** What `--version` prints. */
export const { version: VERSION } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));

/** What `--help` prints. */
export const HELP = `light-nara: a page, a plaza and a few naras that live here

  light-nara [host] [options]

  --port N         the port to listen on (default 8080; 0 for any free one)
  --listen ADDR    the address to listen on (default 127.0.0.1, this machine only)
  --broker URL     use the MQTT broker at this ws:// or wss:// address, not one of our own
  --redis URL      be one plaza with all hosts that have this redis:// or rediss:// address
  --gateway URL    the gateway to the mesh for the page and the residents (default with a
                   --broker on this machine: our own, at /mesh; otherwise none)
  --residents N    how many naras live on this host, 0 to 50 (default 5)
  --version        show the version
  --help, -h       show this

Other commands, each with a --help of its own:

  light-nara confidant --plaza URL   an always-on nara, for a server
  light-nara gateway                 a way to the mesh, for naras in browser tabs
`;
