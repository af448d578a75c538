// What the editor's text changes, line by line: against what was recovered or saved, or against a memory kept beside it.

import { condensed, diff } from "../diff.js";
import { byId, html, say } from "../dom.js";
import { clock } from "../format.js";

const MARKS = { added: "+", removed: "−", same: " ", skipped: "⋮" };
const WORDS = { added: "only in the editor: ", removed: "only there: " };

/** Wires the comparison and the notice about a memory beside this one; `close` shuts the comparison. */
export function mountCompare(store) {
  const box = byId("compare");
  /** "memory", "beside", or null. */
  let against = null;
  /** The version beside this memory that was read and left. */
  let left = null;

  const open = (what) => {
    against = what;
    draw();
    byId("diff").focus();
  };
  const close = () => {
    if (against === null) return false;
    (against === "beside" ? byId("beside-compare") : byId("show-compare")).focus();
    against = null;
    draw();
    return true;
  };
  byId("show-compare").addEventListener("click", () => (against === "memory" ? close() : open("memory")));
  byId("compare-close").addEventListener("click", close);
  byId("beside-compare").addEventListener("click", () => open("beside"));
  byId("beside-take").addEventListener("click", () => {
    store.set({ text: pretty(store.beside.data), saveError: "" });
    byId("memory-editor").focus();
  });
  byId("beside-leave").addEventListener("click", () => {
    left = store.beside.version;
    against = null;
    draw();
    byId("memory-editor").focus();
  });

  let shown = "";
  const draw = () => {
    drawBeside();
    const subject = subjectOf(store, against);
    if (!subject) against = null;
    byId("show-compare").hidden = !store.memory;
    byId("show-compare").setAttribute("aria-expanded", String(against === "memory"));
    box.hidden = !subject;
    if (!subject) return;
    const mine = store.checked.error ? store.text : pretty(store.checked.value);
    const key = `${subject.text}\n\n${mine}`;
    say(byId("compare-title"), subject.title);
    if (key === shown) return;
    shown = key;
    byId("diff").replaceChildren(...lines(subject.text, mine));
  };

  const drawBeside = () => {
    const other = store.beside;
    byId("beside").hidden = !other || other.version === left || pretty(other.data) === pretty(store.memory?.data);
    if (other) say(byId("beside-text"), `Another memory turned up, saved ${clock(other.savedAt)}. Yours stays; the other is kept beside it, in this tab only.`);
  };
  store.addEventListener("change", draw);
  return { close };
}

/** What to compare with: `{ title, text }`, or null where there is nothing. */
function subjectOf({ memory, beside, status, savedSince }, against) {
  if (against === "beside" && beside) return { title: "The editor, against the memory kept beside", text: pretty(beside.data) };
  if (against !== "memory" || !memory) return null;
  const recovered = status.recovery.state === "recovered" && !savedSince;
  return { title: `The editor, against what was ${recovered ? "recovered" : "saved"}`, text: pretty(memory.data) };
}

function lines(from, to) {
  const all = diff(from, to);
  if (all.every(({ change }) => change === "same")) return [html("li", {}, "No difference.")];
  return condensed(all).map(({ change, text, count }) =>
    html(
      "li",
      { "data-change": change },
      html("span", { "aria-hidden": "true" }, MARKS[change]),
      html("code", {}, WORDS[change] ? html("span", { class: "unseen" }, WORDS[change]) : null, text ?? `${count} equal ${count === 1 ? "line" : "lines"}`),
    ),
  );
}

function pretty(data) {
  return JSON.stringify(data, null, 2) ?? "";
}
