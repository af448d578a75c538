// The first visit: two equal choices, and the form that brings a soul back.

import { byId, say } from "../dom.js";
import { number } from "../format.js";
import { FILE_BYTES_MAX, readSoul } from "../soul-text.js";

/** `wake({ soul, name })` rejects with a NaraError, whose code says which field to look at. */
export function mountWelcome(store, { wake }) {
  const form = byId("import-form");
  const soul = byId("soul-input");
  const name = byId("name-input");

  byId("start-new").addEventListener("click", () => attempt({}));
  /** Opens the form in place of the button that asked for it. */
  const open = () => {
    form.hidden = false;
    byId("have-soul").setAttribute("aria-expanded", "true");
    byId("have-soul").hidden = true;
  };
  byId("have-soul").addEventListener("click", () => {
    open();
    soul.focus();
  });
  byId("soul-visible").addEventListener("change", ({ target }) => {
    soul.type = target.checked ? "text" : "password";
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!soul.value.trim()) return wrong(soul, "soul-error", "Paste your soul here: about 54 letters and digits.");
    try {
      const read = readSoul(soul.value.trimEnd());
      // A name is not trimmed: a soul may be bonded to a name with a space at its end.
      return attempt({ soul: read.soul, name: name.value || read.name });
    } catch (error) {
      return wrong(soul, "soul-error", `Nothing was changed: ${error.message}.`);
    }
  });
  byId("soul-file").addEventListener("click", () => byId("soul-file-input").click());
  byId("soul-file-input").addEventListener("change", async ({ target }) => {
    const [file] = target.files;
    if (!file) return;
    clear();
    try {
      if (file.size > FILE_BYTES_MAX) throw new Error(`this file has ${number(file.size)} bytes, and a soul file at most ${number(FILE_BYTES_MAX)}`);
      const read = readSoul((await file.text()).trimEnd());
      soul.value = read.soul;
      name.value = read.name ?? "";
      await attempt({ soul: read.soul, name: read.name });
    } catch (error) {
      wrong(soul, "soul-error", `Nothing was changed: ${error.message}.`);
    } finally {
      target.value = "";
    }
  });

  const attempt = async (who) => {
    clear();
    busy(true);
    try {
      await wake(who);
      form.reset();
      soul.type = "password";
    } catch (error) {
      explain(error, who);
    } finally {
      busy(false);
    }
  };

  const explain = (error, who = {}) => {
    if (error.code === "soul_invalid") {
      wrong(soul, "soul-error", `This is not a soul. A soul has about 54 letters and digits; check that all of it was pasted.`);
    } else if (error.code === "soul_mismatch" && !who.name) {
      // A mistyped character looks the same: a generated name is checked against the whole soul.
      wrong(soul, "soul-error", "A character of this soul is wrong, or it belongs to a name that you chose: check it, or enter that name too.");
    } else if (error.code === "soul_mismatch") {
      wrong(name, "name-error", "This soul is bonded to another name. Capitals and spaces count.");
    } else if (error.code === "name_invalid") {
      wrong(name, "name-error", `This cannot be a name: ${error.message}.`);
    } else {
      say(byId("welcome-error"), `Could not wake up: ${error.message}`);
      // What is no error of the nara is one of this page, and belongs on the console too.
      if (!error.code) reportError(error);
    }
  };

  const wrong = (field, line, words) => {
    open();
    field.setAttribute("aria-invalid", "true");
    say(byId(line), words);
    field.focus();
  };

  const clear = () => {
    for (const field of [soul, name]) field.removeAttribute("aria-invalid");
    for (const line of ["soul-error", "name-error", "welcome-error"]) say(byId(line), "");
  };

  const busy = (yes) => {
    for (const button of ["start-new", "have-soul", "import", "soul-file"]) byId(button).disabled = yes;
  };

  store.addEventListener("change", () => {
    const home = store.phase === "awake" || store.phase === "mirror";
    byId("welcome").hidden = home;
    byId("home").hidden = !home;
    byId("have-soul").hidden = !form.hidden;
    busy(store.phase === "waking");
  });

  return { explain };
}
