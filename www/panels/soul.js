// The soul, which stays hidden until asked for: shown, copied, as a file, on paper, in a password manager, on this device.

import { forget, remember, rememberedSoul } from "../device.js";
import { byId, html, say, svg, whenChanged } from "../dom.js";
import { emblem } from "../emblem.js";
import { saveFile } from "../files.js";
import { dated } from "../format.js";
import { soulFile, soulLine } from "../soul-text.js";

const ADVICE = {
  calm: "Your soul is the key to this nara. Whoever has it is you; without it, nobody can open your memory.",
  urgent: "This is the only way back to your memory, and it is in this tab alone. Put it somewhere safe.",
};
/** Edge of the code on the screen, in pixels, and the light around it, in modules, as the standard asks for. */
const CODE_SIZE = 148;
const QUIET_ZONE = 4;

/** Wires all ways to keep the soul of the nara that the store follows. */
export function mountSoul(store) {
  const shown = byId("soul-shown");
  const line = byId("soul");
  const show = byId("show-soul");
  const keeper = byId("keeper");
  const box = byId("remember");
  const told = (words) => say(byId("soul-said"), words);

  // The soul is in the document only while it is shown.
  const reveal = async (yes) => {
    line.textContent = yes ? store.nara.soul : "";
    shown.hidden = !yes;
    show.textContent = yes ? "Hide" : "Show";
    show.setAttribute("aria-expanded", String(yes));
    byId("soul-qr").replaceChildren();
    if (!yes) return;
    const picture = await code(store.nara, CODE_SIZE).catch(() => null);
    if (picture && !shown.hidden) byId("soul-qr").replaceChildren(picture);
  };

  show.addEventListener("click", () => {
    reveal(shown.hidden);
    told("");
  });
  byId("copy-soul").addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(store.nara.soul);
      told("Copied. Paste it somewhere safe; then copy something else, so that it does not stay in the clipboard.");
    } catch {
      await reveal(true);
      getSelection().selectAllChildren(line);
      told("This browser lets no page copy; the soul is selected, so Ctrl+C copies it.");
    }
  });
  byId("save-soul").addEventListener("click", () => {
    saveFile(`${store.nara.name}.soul.json`, soulFile(store.nara));
    told("Saved as a file. Whoever opens that file can be you: keep it where only you look.");
  });
  byId("print-soul").addEventListener("click", () => print(store.nara).catch((error) => told(`It could not be printed: ${error.message}.`)));

  keeper.addEventListener("toggle", () => {
    byId("keeper-name").value = keeper.open ? store.nara.name : "";
    byId("keeper-soul").value = keeper.open ? store.nara.soul : "";
  });
  byId("keeper-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const { soul, name } = store.nara;
    // Chromium asks when told to; others ask by themselves when such a form is sent and goes away.
    const kept = globalThis.PasswordCredential && navigator.credentials.store(new PasswordCredential({ id: name, password: soul, name }));
    await Promise.resolve(kept).catch(() => {});
    keeper.open = false;
    told("Your browser or password manager asks whether to keep it. If nothing asks, copy the soul there yourself.");
  });

  byId("soul-kept").addEventListener("click", () => {
    store.set({ soulAtRisk: false });
    hide();
    told("Good. You can ask for it again at any time.");
    show.focus();
  });
  box.addEventListener("change", () => {
    const { soul, name } = store.nara;
    if (!box.checked) {
      forget(soul);
      told("The soul is no longer on this device.");
      return;
    }
    const why = remember(soul, name);
    box.checked = why === "";
    if (why === "") store.set({ soulAtRisk: false });
    told(why || "Remembered. Opening this page again brings you back.");
  });
  // Another tab remembered or forgot one.
  addEventListener("storage", () => {
    if (store.phase === "awake") box.checked = isRemembered(store.nara.soul);
  });

  const hide = () => {
    const open = !shown.hidden || keeper.open;
    reveal(false);
    keeper.open = false;
    return open;
  };
  const begin = whenChanged(() => {
    hide();
    told("");
    box.checked = isRemembered(store.nara.soul);
  });
  store.addEventListener("change", () => {
    if (store.phase !== "awake") return void hide();
    begin(store.nara.id);
    byId("soul-box").dataset.urgent = String(store.soulAtRisk);
    byId("soul-kept").hidden = !store.soulAtRisk;
    say(byId("soul-advice"), store.soulAtRisk ? ADVICE.urgent : ADVICE.calm);
  });
  return { close: hide };
}

/** The code that brings soul and name to a camera. Loaded when it is first asked for. */
async function code(nara, size) {
  const { generate } = await import("../vendor/lean-qr.js");
  const squares = generate(soulLine(nara));
  const path = [];
  for (let y = 0; y < squares.size; y += 1) {
    for (let x = 0; x < squares.size; x += 1) if (squares.get(x, y)) path.push(`M${x} ${y}h1v1h-1z`);
  }
  const edge = squares.size + 2 * QUIET_ZONE;
  return svg(
    "svg",
    { viewBox: `${-QUIET_ZONE} ${-QUIET_ZONE} ${edge} ${edge}`, width: size, height: size, role: "img", "aria-label": "The soul and its name as a QR code" },
    svg("rect", { x: -QUIET_ZONE, y: -QUIET_ZONE, width: edge, height: edge, fill: "#fff" }),
    svg("path", { d: path.join(""), fill: "#000", "shape-rendering": "crispEdges" }),
  );
}

/** Prints a sheet with the soul on it, and takes it out of the document again. */
async function print(nara) {
  const sheet = byId("sheet");
  sheet.replaceChildren(
    html("div", { class: "who" }, emblem(nara.id, 64), html("div", {}, html("p", { class: "my-name" }, nara.name), html("p", { class: "small id" }, nara.id))),
    html("p", {}, "This is the soul of a light nara. Whoever has it is this nara, and can read its memory. To come back, open the page, choose “I have a soul”, and enter it with the name."),
    await code(nara, 260),
    html("p", { class: "soul" }, nara.soul),
    html("p", { class: "small muted" }, `${location.host}, printed ${dated(Date.now())}`),
  );
  document.body.classList.add("with-sheet");
  const clear = () => {
    document.body.classList.remove("with-sheet");
    sheet.replaceChildren();
  };
  addEventListener("afterprint", clear, { once: true });
  globalThis.print();
}

function isRemembered(soul) {
  try {
    return rememberedSoul()?.soul === soul;
  } catch {
    return false;
  }
}
