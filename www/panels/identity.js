// Who I am: name, emblem, id, and the soul, which stays hidden until asked for.

import { forget, remember, rememberedSoul } from "../device.js";
import { byId, say, whenChanged } from "../dom.js";
import { emblem } from "../emblem.js";

const ADVICE = {
  calm: "Your soul is the key to this nara. Whoever has it is you; without it, nobody can open your memory.",
  urgent: "This is the only way back to your memory, and it is in this tab alone. Put it somewhere safe, such as a password manager.",
};

/** Draws the identity of the nara that the store follows. */
export function mountIdentity(store) {
  const line = byId("soul");
  const show = byId("show-soul");
  const box = byId("remember");

  const showSoul = (yes) => {
    // The soul is in the document only while it is shown.
    say(line, yes ? store.nara.soul : "");
    show.textContent = yes ? "Hide" : "Show";
    show.setAttribute("aria-expanded", String(yes));
  };

  show.addEventListener("click", () => {
    showSoul(line.hidden);
    say(byId("soul-said"), "");
  });
  byId("copy-soul").addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(store.nara.soul);
      say(byId("soul-said"), "Copied. Paste it somewhere safe, then copy something else.");
    } catch {
      showSoul(true);
      getSelection().selectAllChildren(line);
      say(byId("soul-said"), "This browser lets no page copy; the soul is selected, so Ctrl+C copies it.");
    }
  });
  byId("soul-kept").addEventListener("click", () => {
    store.set({ soulAtRisk: false });
    showSoul(false);
    say(byId("soul-said"), "Good. You can ask for it again at any time.");
    show.focus();
  });
  box.addEventListener("change", () => {
    const { soul, name } = store.nara;
    if (!box.checked) {
      forget();
      say(byId("soul-said"), "The soul is no longer on this device.");
    } else if (remember(soul, name)) {
      store.set({ soulAtRisk: false });
      say(byId("soul-said"), "Remembered. Opening this page again brings you back.");
    } else {
      box.checked = false;
      say(byId("soul-said"), "This browser lets no page keep anything, so the soul was not remembered.");
    }
  });

  const drawName = whenChanged(({ id, name }) => {
    byId("my-name").textContent = name;
    byId("my-id").textContent = id;
    byId("my-emblem").replaceChildren(emblem(id, 64));
    showSoul(false);
    box.checked = isRemembered(store.nara.soul);
  });
  store.addEventListener("change", () => {
    if (store.phase !== "awake") return;
    drawName({ id: store.nara.id, name: store.nara.name });
    byId("soul-box").dataset.urgent = String(store.soulAtRisk);
    byId("soul-kept").hidden = !store.soulAtRisk;
    say(byId("soul-advice"), store.soulAtRisk ? ADVICE.urgent : ADVICE.calm);
  });
}

function isRemembered(soul) {
  try {
    return rememberedSoul()?.soul === soul;
  } catch {
    return false;
  }
}
