// The editor: JSON with the place of errors, size meters, an unsaved mark, undo, and saving without ever losing a word.

import { byId, html, say } from "../dom.js";
import { clock, number, peerName } from "../format.js";
import { History } from "../history.js";
import { MEMORY_SIZE_MAX, holdersOf } from "../store.js";

/** How long typing may pause before a half-written value is called an error, and before undo takes it for a step. */
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
  let history = new History();
  let typing = false;
  let whose = null;
  /** The text that was not saved because something is wrong with it. */
  let refused = null;

  editor.addEventListener("input", () => {
    history.note(editor.value, { merge: typing });
    typing = true;
    clearTimeout(patience);
    impatient = false;
    refused = null;
    store.set({ text: editor.value, saveError: "" });
    patience = setTimeout(() => {
      impatient = true;
      typing = false;
      draw();
    }, PATIENCE_MS);
  });
  editor.addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.altKey) return;
    const key = event.key.toLowerCase();
    const step = key === "z" ? (event.shiftKey ? "redo" : "undo") : key === "y" ? "redo" : null;
    if (!step) return;
    event.preventDefault();
    go(history[step]());
  });
  byId("undo").addEventListener("click", () => {
    go(history.undo());
    editor.focus();
  });
  byId("save").addEventListener("click", () => save());
  byId("found-swap").addEventListener("click", () => store.swap());

  const go = (text) => {
    typing = false;
    if (text !== null && !editor.readOnly) store.set({ text, saveError: "" });
  };

  const save = async () => {
    if (store.phase !== "awake" || store.saving) return;
    impatient = true;
    typing = false;
    const wrong = problem(store, true);
    if (wrong) {
      refused = store.text;
      draw();
      editor.focus();
      if (wrong.offset !== undefined) editor.setSelectionRange(wrong.offset, Math.min(wrong.offset + 1, store.text.length));
      return;
    }
    const { text, nara } = store;
    store.set({ saving: { after: store.status.stash.version ?? 0 }, saveError: "" });
    try {
      await nara.stash.set(store.checked.value);
      if (store.nara !== nara) return;
      // Words typed meanwhile stay unsaved; the text that was sent is the common ground.
      store.set({ base: text, other: null, savedSince: true });
    } catch (error) {
      if (store.nara !== nara) return;
      const help = HELP[error.code] ?? "Your edits are still here.";
      store.set({ saveError: `Not saved: ${error.message}. ${help}` });
    }
    store.set({ saving: null });
    store.refresh();
  };

  const draw = () => {
    const now = `${store.nara?.id} ${store.forgotten}`;
    if (store.nara && now !== whose) {
      whose = now;
      history = new History(store.text);
    }
    history.note(store.text, { merge: typing });
    if (editor.value !== store.text) editor.value = store.text;
    editor.readOnly = store.phase === "mirror";
    const searching = store.looking || store.status.recovery.state === "searching";
    editor.placeholder = searching ? "Looking for your memory…" : '{ "note": "…" }';
    const wrong = impatient ? problem(store, store.text === refused) : null;
    editor.setAttribute("aria-invalid", String(Boolean(wrong)));
    say(byId("json-error"), wrong?.words);
    say(byId("save-error"), store.saveError);
    byId("save").setAttribute("aria-disabled", String(Boolean(store.saving)));
    byId("undo").setAttribute("aria-disabled", String(!history.canUndo));
    drawState(store);
    drawSize(store);
    drawTicks(store);
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
  if (!store.tooLarge) return null;
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

/** A tick for each confidant that has the version under way, or the newest one as long as nothing was edited. */
function drawTicks(store) {
  const list = byId("ticks");
  const { stash, confidants } = store.status;
  const entries = new Map();
  if (store.saving) {
    for (const peer of stash.pending) entries.set(peer.id, { peer, state: "pending", mark: "…", words: "asked" });
    for (const peer of confidants) {
      if (peer.state === "refused" || peer.state === "silent") entries.set(peer.id, { peer, state: "failed", mark: "✗", words: peer.state });
    }
  }
  const wanted = store.saving ? (holder) => holder.version > store.saving.after : (holder) => holder.version === stash.version;
  for (const peer of store.unsaved && !store.saving ? [] : stash.holders.filter(wanted)) {
    entries.set(peer.id, { peer, state: "acked", mark: "✓", words: "has it" });
  }
  list.hidden = entries.size === 0 || (!store.saving && holdersOf(store.status).length === 0);
  const items = [...entries.values()].sort((a, b) => (a.peer.id < b.peer.id ? -1 : 1));
  const key = JSON.stringify(items);
  if (list.dataset.shown === key) return;
  list.dataset.shown = key;
  list.replaceChildren(
    ...items.map(({ peer, state, mark, words }) =>
      html("li", { "data-state": state }, html("span", { "aria-hidden": "true" }, `${mark} `), html("bdi", {}, peerName(peer)), html("span", { class: "unseen" }, ` ${words}`)),
    ),
  );
}

function drawSize(store) {
  const bytes = store.text.trim() === "" ? 0 : store.bytes;
  meter("size", bytes, `${number(bytes)} of ${number(MEMORY_SIZE_MAX)} bytes`);
  const sealed = store.status.stash.sealedBytes;
  const padded = sealed === MEMORY_SIZE_MAX ? "; every copy is, so its size tells nothing" : "";
  meter("sealed", sealed ?? 0, sealed ? `sealed: ${number(sealed)}${padded}` : "sealed when you save");
}

function meter(name, bytes, words) {
  const track = byId(`${name}-meter`);
  const share = Math.min(1, bytes / MEMORY_SIZE_MAX);
  track.setAttribute("aria-valuenow", String(Math.min(bytes, MEMORY_SIZE_MAX)));
  track.setAttribute("aria-valuetext", words);
  track.dataset.level = bytes > MEMORY_SIZE_MAX ? "over" : share > 0.9 && name === "size" ? "near" : "fine";
  byId(`${name}-bar`).style.width = `${(share * 100).toFixed(1)}%`;
  say(byId(`${name}-text`), words);
}
