// Takes the memory out: as a file, or away from everybody who keeps it.

import { byId, say } from "../dom.js";
import { list, peerName } from "../format.js";

/** Wires the two buttons under the editor. */
export function mountForget(store) {
  const ask = byId("forget");
  const sure = byId("forget-sure");

  byId("download").addEventListener("click", () => download(store));
  ask.addEventListener("click", () => {
    sure.hidden = false;
    byId("forget-no").focus();
  });
  const close = () => {
    sure.hidden = true;
    ask.focus();
  };
  byId("forget-no").addEventListener("click", close);
  sure.addEventListener("keydown", ({ key }) => key === "Escape" && close());
  byId("forget-yes").addEventListener("click", async () => {
    close();
    say(byId("forget-said"), "Asking everybody to forget.");
    try {
      const outcome = await store.nara.stash.forgetEverywhere();
      store.set({ text: "", base: "", other: null });
      store.refresh();
      say(byId("forget-said"), told(outcome));
    } catch (error) {
      say(byId("forget-said"), `Nothing was forgotten for certain: ${error.message}.`);
    }
  });

  store.addEventListener("change", () => {
    byId("download").hidden = store.text.trim() === "";
    ask.hidden = store.phase !== "awake" || !store.memory;
  });
}

/** How a wish to be forgotten ended, in words. */
export function told({ forgotten, mayStillHold }) {
  const gone = forgotten.length ? `${list(forgotten.map(peerName))} forgot it.` : "Nobody confirmed that they forgot it.";
  const left = mayStillHold.length ? ` ${list(mayStillHold.map(peerName))} may still hold a sealed copy.` : "";
  return `Forgotten in this tab. ${gone}${left}`;
}

function download(store) {
  const address = URL.createObjectURL(new Blob([store.text], { type: "application/json" }));
  const link = document.createElement("a");
  link.href = address;
  link.download = `${store.nara?.name ?? "memory"}.json`;
  link.click();
  URL.revokeObjectURL(address);
}
