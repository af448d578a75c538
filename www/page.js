// Puts all panels on the page, and the keys that work everywhere.

import { byId, say } from "./dom.js";
import { mountCompare } from "./panels/compare.js";
import { mountConfidants } from "./panels/confidants.js";
import { mountForget } from "./panels/forget.js";
import { mountHeld } from "./panels/held.js";
import { mountIdentity } from "./panels/identity.js";
import { mountLog } from "./panels/log.js";
import { mountMemory } from "./panels/memory.js";
import { mountPicture } from "./panels/picture.js";
import { mountRecovery } from "./panels/recovery.js";
import { mountSafety } from "./panels/safety.js";
import { mountSoul } from "./panels/soul.js";
import { mountWelcome } from "./panels/welcome.js";

/**
 * Mounts everything on this store. `actions` are what the page asks for: `wake`, `rehearse`, `retry`, `empty`, `here`
 * and `takeover`. Returns `explain`, which says what went wrong on waking.
 */
export function mountPage(store, actions) {
  const { save } = mountMemory(store);
  const compare = mountCompare(store);
  const { explain } = mountWelcome(store, actions);
  const forget = mountForget(store);
  mountSafety(store, { ...actions, save });
  mountIdentity(store);
  const soul = mountSoul(store);
  mountConfidants(store);
  mountPicture(store);
  mountRecovery(store, actions);
  mountHeld(store);
  mountLog(store);

  const keys = byId("keys");
  byId("show-keys").addEventListener("click", () => keys.showModal());
  document.addEventListener("keydown", (event) => {
    const { key } = event;
    const held = event.ctrlKey || event.metaKey || event.altKey;
    if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && key.toLowerCase() === "s") {
      event.preventDefault();
      save();
    }
    if (held || keys.open) return;
    // One thing at a time, the most recent kind first; each says whether it was open.
    if (key === "Escape") forget.close() || compare.close() || soul.close();
    if (event.target.closest("input:not([type=checkbox]), textarea")) return;
    if (key === "r") actions.retry();
    if (key === "?") keys.showModal();
  });

  store.addEventListener("change", () => {
    document.body.dataset.phase = store.phase;
    document.title = store.phase === "awake" ? `${store.unsaved ? "• " : ""}${store.nara.name} · light nara` : "light nara";
    say(byId("plaza"), store.phase === "awake" && store.status.connection.url ? `plaza ${store.status.connection.url}` : "");
  });
  return { explain };
}
