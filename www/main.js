// Wakes a nara for this page, and carries what it tells to the panels.

import { Nara, init } from "./nara/pkg/index.js";
import { hasTicker, stayAwake } from "./awake.js";
import { rememberedSoul } from "./device.js";
import { byId } from "./dom.js";
import { mountPage } from "./page.js";
import { Store } from "./store.js";
import { Place, hasLocks } from "./tabs.js";

const store = new Store();
store.insecure = !hasLocks();
/** This tab's claim to a soul, that soul, and who lives or is mirrored here. */
let place = null;
let claimed = null;
let mine = null;
/** While another tab hands over. */
let takingOver = null;
/** Asked for while somebody reads. */
const whereTo = places();

const { explain } = mountPage(store, {
  wake,
  rehearse,
  retry: () => store.nara?.retryNow(),
  empty: () => attempt(() => store.nara.stash.startEmpty()),
  here: () => attempt(() => store.nara.stash.goOnHere()),
  takeover: () => (takingOver ??= takeOver().catch(explain).finally(() => (takingOver = null))),
});
store.addEventListener("change", () => store.phase === "awake" && place?.show(store.snapshot));
stayAwake(() => store.nara);

// The browser's own question, and only when leaving would lose something.
addEventListener("beforeunload", (event) => {
  if (store.isUnacknowledged) event.preventDefault();
});
// Neither an open socket nor a lock lets the browser keep a page, so both are given up.
addEventListener("pagehide", () => {
  store.nara?.sleep();
  place?.close();
  place = null;
});
// A page brought back from the browser's cache has slept: the same nara wakes again, and the draft is still here.
addEventListener("pageshow", (event) => {
  if (event.persisted && mine) wake(mine).catch(explain);
});

start();

/** Goes straight on as the soul remembered here, or offers the two choices. */
async function start() {
  // Fetched while somebody reads; what goes wrong is said when it is needed.
  init().catch(() => {});
  try {
    const remembered = rememberedSoul();
    if (remembered) {
      await wake(remembered);
      return;
    }
  } catch (error) {
    explain(error, {});
  }
  store.changed();
}

/** Wakes a nara: a new one without a soul, else the one with it, whose memory is then looked for. */
async function wake({ soul, name }) {
  const before = store.phase;
  if (before === "waking") return;
  store.set({ phase: "waking" });
  let nara;
  try {
    if (soul && !(await claim({ soul, name }))) return;
    nara = await Nara.wake({ ...(await whereTo), soul, name, memory: "medium", keepAlive: hasTicker() ? 30 : 120 });
  } catch (error) {
    // Who cannot live as this soul leaves its place, unless it may try again there.
    if (before !== "mirror") {
      place?.close();
      place = null;
    }
    store.set({ phase: before });
    throw error;
  }
  mine = { soul: nara.soul, name: nara.name };
  await claim(mine);
  store.follow(nara);
  byId("content").focus({ preventScroll: true });
  if (soul) {
    recover(nara);
  } else {
    store.set({ soulAtRisk: true });
    store.propose();
  }
}

/** Claims the soul for this tab; where another tab lives as it, this one becomes its mirror. */
async function claim({ soul, name }) {
  if (place?.mine && claimed === soul) return true;
  place?.close();
  claimed = soul;
  place = await Place.of(soul, {
    hear: (snapshot) => store.phase === "mirror" && store.mirror(snapshot),
    lost: async () => {
      const nara = store.nara;
      store.mirror();
      await nara?.sleep();
    },
  });
  if (await place.claim()) return true;
  mine = { soul, name };
  store.mirror();
  return false;
}

/** Lives in this tab from now on; the draft that the other tab showed is kept. */
async function takeOver() {
  await place.takeOver();
  await wake(mine);
}

/** Runs something on the nara; what goes wrong is said beside the editor. */
function attempt(run) {
  try {
    run();
    store.refresh();
  } catch (error) {
    store.set({ saveError: `${error.message}.` });
  }
}

/** Forgets the memory in this tab alone, and gets it back from whoever keeps it. */
async function rehearse() {
  store.nara.stash.clearMyStash();
  store.startOver();
  store.refresh();
  await recover(store.nara);
}

/** Looks for the memory. Not finding it in time is no error: the status says so, and a later find arrives as an event. */
async function recover(nara) {
  store.set({ looking: true });
  try {
    const memory = await nara.stash.recover();
    if (store.nara !== nara) return;
    store.refresh();
    store.adopt(memory);
  } catch (error) {
    if (error.code === "not_found" || error.code === "asleep") return;
    store.note({ at: Date.now(), level: "warn", service: "page", text: `recovery: ${error.message}` });
  } finally {
    if (store.nara === nara) store.set({ looking: false });
  }
}

/** The plaza's address: from `?plaza=`, else from the host, else the host itself; and the gateway's, if the host has one. */
async function places() {
  const asked = new URLSearchParams(location.search).get("plaza");
  if (asked) return { plaza: asked };
  const host = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}`;
  const own = { plaza: `${host}/mqtt` };
  const answer = await fetch("./config.json", { cache: "no-store" }).catch(() => null);
  if (!answer?.ok) return own;
  try {
    const { plaza, gateway } = await answer.json();
    return { plaza: plaza ?? own.plaza, ...(gateway ? { gateway: new URL(gateway, host).href } : {}) };
  } catch {
    return own;
  }
}
