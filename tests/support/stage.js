// Shows the page in a given state, without any nara behind it.

/** Stands in for www/main.js. */
const STAGE = `
  import { mountPage } from "./page.js";
  import { Store } from "./store.js";
  const nothing = () => {};
  const store = new Store();
  mountPage(store, { wake: nothing, rehearse: nothing, retry: nothing, empty: nothing, here: nothing, takeover: nothing });
  globalThis.play = ({ status, memory, beside, phase, ...fields }) => {
    const nara = Object.assign(new EventTarget(), { id: "7oHbVYE3znkKrCBRyJkE1HLF49oQXBaJsuYihcrdgmiY", name: "gopher-01", soul: "" });
    Object.assign(nara, { status: () => status, stash: { get: () => memory, beside: () => beside } });
    if (phase === "awake") store.follow(nara);
    store.set({ ...fields, phase });
  };
`;

/** Opens the page at `url` on its own; returns `play(fixture)`, which puts it into a state. */
export async function playOn(page, url) {
  await page.route("**/main.js", (route) => route.fulfill({ contentType: "text/javascript", body: STAGE }));
  await page.goto(url);
  await page.waitForFunction(() => globalThis.play);
  return (fixture) => page.evaluate((fixture) => globalThis.play(fixture), fixture);
}

/** A store of states.js as the page's own store takes it: what is derived there is given by what it derives from. */
export function staged(store, given, data = { tea: "oolong" }) {
  const { checked, unsaved, status, ...fields } = store;
  const { stash } = status;
  const confidants = stash.holders.map((holder) => ({ ...holder, presence: "online", state: holder.version === stash.version ? "acked" : "pending", mode: "medium" }));
  const memory = stash.version === null ? null : { data, savedAt: stash.savedAt, version: stash.version };
  const saved = memory === null ? "" : JSON.stringify(data, null, 2);
  const draft = checked.error ? '{ "tea": oolong }' : JSON.stringify({ ...data, visits: 13 }, null, 2);
  return {
    ...fields,
    memory,
    beside: store.beside ?? null,
    base: saved,
    text: unsaved || store.saving ? draft : saved,
    status: {
      ...status,
      connection: { url: "wss://plaza.example/mqtt", ...status.connection },
      stash: { ...stash, pending: [], sealedBytes: memory === null ? null : 10_240 },
      confidants: given.status?.confidants ?? confidants,
      held: { limit: 20, count: 1, refusals: 0, prunings: 0, stashes: [{ id: "5Keeper", name: "silent-fern-409", bytes: 10_240, storedAt: stash.savedAt, presence: "offline" }] },
    },
  };
}
