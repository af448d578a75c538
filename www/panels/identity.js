// Who I am: emblem, name and id.

import { byId, whenChanged } from "../dom.js";
import { emblem } from "../emblem.js";

/** Draws the identity of the nara that the store follows. */
export function mountIdentity(store) {
  const draw = whenChanged(({ id, name }) => {
    byId("my-name").textContent = name;
    byId("my-id").textContent = id;
    byId("my-emblem").replaceChildren(emblem(id, 64));
  });
  store.addEventListener("change", () => store.phase === "awake" && draw({ id: store.nara.id, name: store.nara.name }));
}
