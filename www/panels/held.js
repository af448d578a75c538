// What this nara keeps for others, whom it cannot read.

import { byId, html, whenChanged } from "../dom.js";
import { emblem } from "../emblem.js";
import { clock, count, number, peerName, shortId } from "../format.js";

/** Draws the table of held stashes. */
export function mountHeld(store) {
  const draw = whenChanged((held) => {
    const many = held.count || held.stashes.length;
    const limit = held.limit ? `, of at most ${number(held.limit)}` : "";
    const words = many === 0
      ? `Nobody has asked you to keep anything yet${held.limit ? `; there is room for ${number(held.limit)}` : ""}. What you keep, you cannot read.`
      : `${count(many, "stash").replace("stashs", "stashes")}${limit}, in this tab's memory only. You cannot read these.`;
    const ended = held.refusals || held.prunings ? ` Refused so far: ${number(held.refusals)}; let go: ${number(held.prunings)}.` : "";
    byId("held").replaceChildren(html("p", { class: "small muted" }, words + ended), ...(held.stashes.length ? [table(held.stashes)] : []));
  });
  store.addEventListener("change", () => draw(store.status.held));
}

function table(stashes) {
  const head = ["Owner", "Bytes", "Since"].map((word) => html("th", { scope: "col", class: word === "Bytes" && "figure" }, word));
  const rows = stashes.map((stash) =>
    html(
      "tr",
      {},
      html("th", { scope: "row" }, html("span", { class: "owner" }, emblem(stash.id, 22), html("bdi", { title: shortId(stash.id) }, peerName(stash)))),
      html("td", { class: "figure" }, number(stash.bytes)),
      html("td", {}, clock(stash.storedAt)),
    ),
  );
  return html("table", {}, html("thead", {}, html("tr", {}, ...head)), html("tbody", {}, ...rows));
}
