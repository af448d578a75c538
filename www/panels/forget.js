// Takes the memory out: as a file, or away from everybody who keeps it.

import { byId, say } from "../dom.js";
import { saveFile } from "../files.js";
import { list, peerName } from "../format.js";

/** Wires the two buttons under the editor; `close` shuts the question. */
export function mountForget(store) {
  const ask = byId("forget");
  const sure = byId("forget-sure");

  byId("download").addEventListener("click", () => saveFile(`${store.nara?.name ?? "memory"}.json`, store.text));
  ask.addEventListener("click", () => {
    sure.hidden = false;
    byId("forget-no").focus();
  });
  const close = () => {
    if (sure.hidden) return false;
    sure.hidden = true;
    ask.focus();
    return true;
  };
  byId("forget-no").addEventListener("click", close);
  byId("forget-yes").addEventListener("click", async () => {
    close();
    say(byId("forget-said"), "Asking everybody to forget.");
    const { text } = store;
    try {
      const outcome = await store.nara.stash.forgetEverywhere();
      store.forget(text);
      store.refresh();
      say(byId("forget-said"), told(outcome));
    } catch (error) {
      say(byId("forget-said"), `Nothing was forgotten for certain: ${error.message}.`);
    }
  });

  store.addEventListener("change", () => {
    byId("download").hidden = store.text.trim() === "";
    ask.hidden = store.phase !== "awake" || !store.memory;
    if (ask.hidden) sure.hidden = true;
  });
  return { close };
}

/** How a wish to be forgotten ended, in words. */
export function told({ forgotten, mayStillHold }) {
  const gone = forgotten.length ? `${list(forgotten.map(peerName))} forgot it.` : "Nobody confirmed that they forgot it.";
  const left = mayStillHold.length ? ` ${list(mayStillHold.map(peerName))} may still hold a sealed copy.` : "";
  return `Forgotten in this tab. ${gone}${left}`;
}
