// The log: plain lines, the newest first.

import { diagnostics } from "../diagnostics.js";
import { byId, html, say } from "../dom.js";
import { clock, peerName } from "../format.js";

/** Keeps the list in step with the store's lines, making only those that are new. */
export function mountLog(store) {
  const list = byId("log");
  const rows = new Map();
  store.addEventListener("change", () => {
    const newest = store.log[0];
    if (rows.size === store.log.length && (!newest || rows.has(newest))) return;
    const kept = store.log.map((line) => [line, rows.get(line) ?? row(line, store.nara)]);
    rows.clear();
    for (const [line, element] of kept) rows.set(line, element);
    list.replaceChildren(...rows.values());
    sift();
  });

  const filter = byId("log-filter");
  const sift = () => {
    const wanted = filter.value.trim().toLowerCase();
    for (const element of rows.values()) element.hidden = !element.textContent.toLowerCase().includes(wanted);
  };
  filter.addEventListener("input", sift);
  byId("copy-diagnostics").addEventListener("click", async () => {
    const text = diagnostics(store, [store.nara.soul], Date.now());
    const said = byId("diagnostics-said");
    try {
      await navigator.clipboard.writeText(text);
      say(said, "Copied: status and log, without your soul and your memory.");
    } catch {
      say(said, "This browser lets no page copy.");
    }
  });
}

function row(line, me) {
  const other = about(line.nara, me);
  return html(
    "li",
    { "data-level": line.level },
    html("time", {}, clock(line.at)),
    html("span", { class: "service" }, line.service ?? ""),
    html("span", { class: "words" }, other ? html("bdi", { class: "muted" }, `${peerName(other)} `) : "", line.text),
  );
}

/** Whom a line is about, unless it is me: a line names a nara by a name or an id alone, or by both. */
function about(nara, me) {
  const { id, name } = typeof nara === "string" ? { id: nara, name: nara } : (nara ?? {});
  return !name || id === me?.id || name === me?.name ? null : { id, name };
}
