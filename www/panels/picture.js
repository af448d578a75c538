// A small picture: me in the middle, confidants near, everyone else around.

import { byId, html, svg, whenChanged } from "../dom.js";
import { emblem } from "../emblem.js";
import { count, peerName } from "../format.js";
import { peersHere } from "../store.js";

const WIDTH = 400;
const HEIGHT = 320;
const MIDDLE = HEIGHT / 2;
/** More than this many on the outer ring would overlap. */
const OUTER_MAX = 14;

/** Draws the neighbourhood, and says the same in words. */
export function mountPicture(store) {
  const draw = whenChanged(({ me, confidants, target, outer, more, words }) => {
    const near = ring(target, 92, 84, -90);
    const inner = confidants.slice(0, target).map((peer, i) => ({ ...peer, ...near[i] }));
    const far = ring(outer.length, 166, 128, -90 + 180 / Math.max(target, 1));
    const outside = outer.map((peer, i) => ({ ...peer, ...far[i] }));
    const empty = near.slice(inner.length);
    byId("picture").replaceChildren(
      svg(
        "svg",
        { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "sky", "aria-hidden": "true" },
        ...outside.filter((peer) => peer.owner).map((peer) => edge(peer, "owner")),
        ...inner.map((peer) => edge(peer, peer.state)),
        ...empty.map(({ x, y }) => svg("circle", { cx: x, cy: y, r: 15, class: "vacant" })),
        ...outside.map((peer) => node(peer, 24)),
        ...inner.map((peer) => node(peer, 34)),
        node({ ...me, x: WIDTH / 2, y: MIDDLE, label: "me", side: true }, 48),
      ),
    );
    byId("picture-words").replaceChildren(words, more > 0 ? ` ${count(more, "more peer")} did not fit.` : "", legend());
  });
  store.addEventListener("change", () => store.phase === "awake" && draw(view(store)));
}

function view({ nara, status }) {
  const { confidants, held, stash } = status;
  const near = new Set(confidants.map((peer) => peer.id));
  const owners = new Map(held.stashes.map((owner) => [owner.id, owner]));
  const here = peersHere(status);
  const others = new Map([...owners, ...here.map((peer) => [peer.id, peer])]);
  const outer = [...others.values()]
    .filter((peer) => !near.has(peer.id))
    .sort((a, b) => (a.id < b.id ? -1 : 1))
    .map(({ id, name, presence }) => ({ id, name, presence, owner: owners.has(id) }));
  const keep = confidants.filter((peer) => peer.state === "acked").length;
  const words = `${count(here.length, "peer")} here. ${keep} ${keep === 1 ? "keeps" : "keep"} your memory; you keep ${count(owners.size, "memory").replace("memorys", "memories")} of others.`;
  return {
    me: { id: nara.id, name: nara.name },
    confidants: confidants.map(({ id, name, presence, state, version }) => ({
      id, name, presence, state: state === "acked" && version !== stash.version ? "pending" : state,
    })),
    target: Math.max(stash.target, confidants.length),
    outer: outer.slice(0, OUTER_MAX),
    more: Math.max(0, outer.length - OUTER_MAX),
    words,
  };
}

function ring(places, rx, ry, start) {
  return Array.from({ length: places }, (_, i) => {
    const angle = ((start + (i * 360) / places) * Math.PI) / 180;
    return { x: WIDTH / 2 + rx * Math.cos(angle), y: MIDDLE + ry * Math.sin(angle) };
  });
}

function edge({ x, y }, state) {
  return svg("line", { x1: WIDTH / 2, y1: MIDDLE, x2: x, y2: y, class: "edge", "data-state": state });
}

function node(peer, size) {
  const face = emblem(peer.id, size);
  face.setAttribute("x", peer.x - size / 2);
  face.setAttribute("y", peer.y - size / 2);
  // Labels stand away from the middle, where the edges do not run.
  const away = peer.y < MIDDLE - 1 ? -size / 2 - 6 : size / 2 + 13;
  const at = peer.side
    ? { x: peer.x + size / 2 + 6, y: peer.y + 4 }
    : { x: peer.x, y: peer.y + away, "text-anchor": "middle" };
  const back = svg("circle", { cx: peer.x, cy: peer.y, r: size / 2 + 2, class: "back" });
  const label = svg("text", at, short(peer.label ?? peerName(peer)));
  return svg("g", { class: "node", "data-presence": peer.presence ?? "online" }, back, face, label);
}

function short(name) {
  const letters = [...name];
  return letters.length > 15 ? `${letters.slice(0, 14).join("")}…` : name;
}

function legend() {
  const entry = (state, words) => html("span", { class: "key" }, svg("svg", { viewBox: "0 0 28 8", width: 28, height: 8, "aria-hidden": "true" }, svg("line", { x1: 1, y1: 4, x2: 27, y2: 4, class: "edge", "data-state": state })), words);
  return html("span", { class: "legend" }, entry("acked", "holds it"), entry("pending", "waiting"), entry("refused", "failed"), entry("owner", "you keep theirs"));
}
