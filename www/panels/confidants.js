// A card for each confidant, and one for each place still empty.

import { byId, html, whenChanged } from "../dom.js";
import { emblem } from "../emblem.js";
import { clock, peerName, shortId } from "../format.js";

/** Draws the cards whenever a confidant or a version changes. */
export function mountConfidants(store) {
  const draw = whenChanged(({ confidants, version, target, saved }) => {
    const empty = Math.max(0, target - confidants.length);
    byId("confidants").replaceChildren(
      ...confidants.map((confidant) => card(confidant, version)),
      ...Array.from({ length: empty }, () => place(saved)),
    );
  });
  store.addEventListener("change", () => {
    const { confidants, stash } = store.status;
    // Spare copies come after those that "safe" counts.
    const sorted = [...confidants].sort((a, b) => Number(a.spare ?? false) - Number(b.spare ?? false));
    draw({ confidants: sorted, version: stash.version, target: stash.target, saved: stash.version > 0 });
  });
}

function card(confidant, version) {
  const [state, words] = describe(confidant, version);
  return html(
    "li",
    { class: "confidant", "data-state": state },
    emblem(confidant.id, 44),
    html(
      "div",
      {},
      html("p", { class: "peer-name" }, html("bdi", {}, peerName(confidant))),
      html("p", { class: "small muted" }, html("span", { class: "dot", "data-presence": confidant.presence }), `${confidant.presence} · ${shortId(confidant.id)}`),
      html("p", { class: "small state" }, words),
      html("p", { class: "small muted" }, facts(confidant)),
    ),
  );
}

function describe({ state, version, at }, newest) {
  if (state === "acked" && version === newest) return ["acked", `✓ holds version ${version}, since ${clock(at)}`];
  if (state === "acked") return ["pending", `holds an older version, ${version}`];
  if (state === "pending") return ["pending", "sent, waiting for an answer"];
  if (state === "refused") return ["failed", "has no place left"];
  return ["failed", "did not answer"];
}

const ROOM = { short: "keeps up to 5 memories", medium: "keeps up to 20 memories", hog: "keeps up to 50 memories" };

/** What speaks for this peer; a field that is not known yet is left out. */
function facts({ mode, firstSeen, verifiedAt, spare }) {
  const known = [ROOM[mode], firstSeen && `known since ${clock(firstSeen)}`, verifiedAt && `copy checked ${clock(verifiedAt)}`, spare && "a spare"];
  return known.filter(Boolean).join(" · ");
}

function place(saved) {
  return html(
    "li",
    { class: "confidant place", "data-state": "empty" },
    html("span", { class: "no-emblem", "aria-hidden": "true" }),
    html(
      "div",
      {},
      html("p", { class: "peer-name" }, "An empty place"),
      html("p", { class: "small muted" }, saved ? "Waiting for a peer to take it" : "Filled when you first save"),
    ),
  );
}
