// The editor: JSON with the place of errors, a size meter, an unsaved mark, and saving without ever losing a word.

import { byId, say } from "../dom.js";
import { clock, number } from "../format.js";
import { MEMORY_SIZE_MAX } from "../store.js";

/** How long typing may pause before a half-written value is called an error. */
const PATIENCE_MS = 500;

/** What helps, for the errors a person can do something about. */
const HELP = {
  recovering: "Your earlier memory is still being looked for, and saving now could replace it.",
  not_enough_peers: "Your edits are still here. Keep this tab open and save again when more peers have come.",
  timeout: "Your edits are still here. Save again when the plaza answers.",
  asleep: "Your edits are still here. Reload the page once you have copied them.",
};

/** Returns `save`, for the keyboard and for the sentence on top. */
export function mountMemory(store) {
  const editor = byId("memory-editor");
  let patience = null;
  let impatient = false;

  const showError = () => say(byId("json-error"), impatient ? problem(store)?.words : "");

  editor.addEventListener("input", () => {
    clearTimeout(patience);
    impatient = false;
    store.set({ text: editor.value, saveError: "" });
    patience = setTimeout(() => {
      impatient = true;
      draw();
    }, PATIENCE_MS);
  });
  byId("save").addEventListener("click", () => save());
  byId("found-swap").addEventListener("click", () => store.swap());

  const save = async () => {
    if (store.phase !== "awake" || store.saving) return;
    impatient = true;
    const wrong = problem(store, true);
    if (wrong) {
      draw();
      say(byId("json-error"), wrong.words);
      editor.focus();
      if (wrong.offset !== undefined) editor.setSelectionRange(wrong.offset, Math.min(wrong.offset + 1, store.text.length));
      return;
    }
    const { text } = store;
    store.set({ saving: { after: store.status.stash.version ?? 0 }, saveError: "" });
    try {
      await store.nara.stash.set(store.checked.value);
      // Words typed meanwhile stay unsaved; the text that was sent is the common ground.
      store.set({ base: text, other: null, savedSince: true });
    } catch (error) {
      const help = HELP[error.code] ?? "Your edits are still here.";
      store.set({ saveError: `Not saved: ${error.message}. ${help}` });
    }
    store.set({ saving: null });
    store.refresh();
  };

  const draw = () => {
    if (editor.value !== store.text) editor.value = store.text;
    editor.readOnly = store.phase === "mirror";
    const searching = store.looking || store.status.recovery.state === "searching";
    editor.placeholder = searching ? "Looking for your memory…" : '{ "note": "…" }';
    const wrong = problem(store);
    editor.setAttribute("aria-invalid", String(Boolean(impatient && wrong)));
    showError();
    say(byId("save-error"), store.saveError);
    byId("save").setAttribute("aria-disabled", String(Boolean(store.saving)));
    drawState(store);
    drawSize(store);
    byId("found").hidden = !store.other;
    if (store.other) {
      say(byId("found-text"), store.other.words);
      say(byId("found-swap"), store.other.action);
    }
  };
  store.addEventListener("change", draw);
  return { save };
}

/** What stands in the way of saving: `{ words, offset }`, or null. An empty editor is only a problem when saving. */
function problem(store, now = false) {
  if (store.text.trim() === "" && !now) return null;
  const { error } = store.checked;
  if (error) return { words: `Line ${error.line}, column ${error.column}: ${error.message}.`, offset: error.offset };
  if (store.bytes <= MEMORY_SIZE_MAX) return null;
  const over = store.bytes - MEMORY_SIZE_MAX;
  return { words: `Too large: ${number(store.bytes)} bytes, and a memory holds ${number(MEMORY_SIZE_MAX)}. Take out ${number(over)} or more; your text stays here.` };
}

function drawState(store) {
  const tag = byId("memory-state");
  const [state, words] = describe(store);
  tag.dataset.state = state;
  say(tag, words);
}

function describe(store) {
  if (store.saving) return ["saving", "saving…"];
  if (store.unsaved) return ["unsaved", "unsaved edits"];
  if (store.sampling) return ["sample", "a suggestion, not saved"];
  if (store.memory) return ["saved", `saved ${clock(store.memory.savedAt)}`];
  return ["empty", "empty"];
}

function drawSize(store) {
  const bytes = store.text.trim() === "" ? 0 : store.bytes;
  const share = Math.min(1, bytes / MEMORY_SIZE_MAX);
  const sealed = store.status.stash.sealedBytes;
  const meter = byId("size-meter");
  meter.setAttribute("aria-valuenow", String(Math.min(bytes, MEMORY_SIZE_MAX)));
  meter.setAttribute("aria-valuetext", `${number(bytes)} of ${number(MEMORY_SIZE_MAX)} bytes`);
  meter.dataset.level = bytes > MEMORY_SIZE_MAX ? "over" : share > 0.9 ? "near" : "fine";
  byId("size-bar").style.width = `${(share * 100).toFixed(1)}%`;
  say(byId("size-text"), `${number(bytes)} of ${number(MEMORY_SIZE_MAX)} bytes${sealed ? `, last sealed as ${number(sealed)}` : ""}`);
}
