// The neighbourhood, live: me in the middle, confidants near, owners I keep for beyond, others outside. Messages travel.

import { byId, html, say, svg, whenChanged } from "../dom.js";
import { emblem } from "../emblem.js";
import { clock, count, list, peerName, shortName } from "../format.js";
import { labels, layout, neighbours } from "../neighbourhood.js";

/** How long a message travels, and how many are drawn at a time. */
const TRAVEL_MS = 900;
const TRAVELLING_MAX = 40;
const WIDTH_MIN = 260;
const SIZES = { confidant: 38, owner: 28, other: 26 };
const PLACES = { confidant: "keeps mine", owner: "I keep theirs", other: "is here" };
const EDGES = { acked: "holds the newest version", pending: "waiting for its answer", failed: "refused or did not answer", owner: "", none: "" };

/** Draws the neighbourhood, lets each message travel its edge, and says the same as a table. */
export function mountPicture(store) {
  const box = byId("picture");
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  /** What was last heard of each peer, by id. */
  const heard = new Map();
  /** Where everybody stands, and the layer that messages travel on. */
  let places = new Map();
  let layer = svg("g");
  let middle = { x: 0, y: 0 };
  let width = 0;

  const draw = whenChanged(({ me, everybody, target }) => {
    const map = layout(everybody, target, width);
    ({ middle } = map);
    places = new Map(map.peers.map((peer) => [peer.id, peer]));
    layer = svg("g");
    const nodes = [{ ...me, ...middle, label: "me", presence: "online", size: 54 }, ...map.peers.map((peer) => ({ ...peer, label: shortName(peerName(peer), width < 480 ? 17 : 22), size: SIZES[peer.ring] }))];
    const named = labels(nodes, map);
    box.replaceChildren(
      svg(
        "svg",
        { viewBox: `0 0 ${map.width} ${map.height}`, class: "sky", role: "img", "aria-label": "Picture of the neighbourhood; the table below says the same" },
        ...map.orbits.map(({ rx, ry }) => svg("ellipse", { cx: middle.x, cy: middle.y, rx, ry, class: "orbit" })),
        ...map.peers.filter((peer) => peer.edge !== "none").map((peer) => edge(peer, middle)),
        ...map.vacant.map(({ x, y }) => svg("circle", { cx: x, cy: y, r: 17, class: "vacant" })),
        layer,
        ...named.slice(1).map((peer) => node(peer)),
        node(named[0], "mine"),
      ),
    );
    byId("picture-words").textContent = inWords(everybody, map.more);
  });

  const drawTable = whenChanged((rows) => byId("neighbours-table").replaceChildren(table(rows)));
  const drawAll = () => {
    if (store.phase !== "awake" || width === 0) return;
    const everybody = neighbours(store.status);
    draw({ me: { id: store.nara.id, name: store.nara.name }, everybody, target: store.status.stash.target, width });
    say(byId("conflicts"), contested(store.status.conflicts, store.nara.id));
    if (byId("neighbours").open) drawTable(everybody.map((peer) => ({ ...peer, heard: heard.get(peer.id) })));
  };

  const travel = ({ from, to, kind, way, outcome }) => {
    const other = from ?? to;
    if (other) heard.set(other, { at: Date.now(), words: `${from ? "from" : "to"} it: ${kind}${outcome === "sent" || outcome === "handled" ? "" : `, dropped (${outcome})`}` });
    if (document.hidden) return;
    if (to === null && way === "plaza") return wave();
    const peer = places.get(other);
    if (!peer) return;
    const look = { class: "message", "data-kind": lookOf(kind, outcome) };
    if (calm.matches) return light(peer);
    if (layer.childElementCount >= TRAVELLING_MAX) return;
    const dot = layer.appendChild(svg("circle", { cx: 0, cy: 0, r: 4.5, ...look }));
    const at = ({ x, y }) => ({ transform: `translate(${x}px, ${y}px)` });
    const way2 = from ? [at(peer), at(middle)] : [at(middle), at(peer)];
    gone(dot, dot.animate(way2, { duration: TRAVEL_MS, easing: "ease-in-out" }));
  };

  /** A word to everybody leaves me in all directions. */
  const wave = () => {
    if (calm.matches || layer.childElementCount >= TRAVELLING_MAX) return;
    const ring = layer.appendChild(svg("circle", { cx: middle.x, cy: middle.y, r: 150, class: "wave" }));
    ring.style.transformOrigin = `${middle.x}px ${middle.y}px`;
    gone(ring, ring.animate([{ transform: "scale(0.15)", opacity: 0.7 }, { transform: "scale(1)", opacity: 0 }], { duration: TRAVEL_MS * 1.4, easing: "ease-out" }));
  };

  /** Without motion, an edge is thicker for a moment. */
  const light = ({ id }) => {
    const line = box.querySelector(`[data-edge="${CSS.escape(id)}"]`);
    line?.classList.add("lit");
    setTimeout(() => line?.classList.remove("lit"), TRAVEL_MS);
  };

  const watch = whenChanged(() => {
    heard.clear();
    const nara = store.nara;
    let waiting = null;
    nara?.addEventListener("traffic", ({ detail }) => {
      if (store.nara !== nara) return;
      travel(detail);
      // The table follows behind, once for however many messages.
      waiting ??= setTimeout(() => {
        waiting = null;
        drawAll();
      }, 500);
    });
  });

  new ResizeObserver(([{ contentRect }]) => {
    width = Math.max(WIDTH_MIN, Math.round(contentRect.width));
    drawAll();
  }).observe(box);
  byId("neighbours").addEventListener("toggle", drawAll);
  byId("legend").replaceChildren(...legend());
  store.addEventListener("change", () => {
    if (store.phase !== "awake") return;
    watch(store.awakened);
    drawAll();
  });
}

/** Takes something drawn away when its way is over, or cut short. */
function gone(element, animation) {
  animation.finished.catch(() => {}).then(() => element.remove());
}

function lookOf(kind, outcome) {
  if (outcome !== "sent" && outcome !== "handled") return "dropped";
  return kind.startsWith("stash") ? "stash" : "presence";
}

function edge(peer, middle) {
  return svg("line", { x1: middle.x, y1: middle.y, x2: peer.x, y2: peer.y, class: "edge", "data-state": peer.edge, "data-edge": peer.id });
}

/** A face with its name. */
function node({ id, x, y, size, label, at, presence }, kind = "") {
  const face = emblem(id, size);
  face.setAttribute("x", x - size / 2);
  face.setAttribute("y", y - size / 2);
  const back = svg("circle", { cx: x, cy: y, r: size / 2 + 2, class: "back" });
  return svg("g", { class: `node ${kind}`, "data-presence": presence }, back, face, svg("text", at, label));
}

function inWords(everybody, more) {
  const here = everybody.filter((peer) => peer.presence === "online").length;
  const keep = everybody.filter((peer) => peer.edge === "acked").length;
  const owners = everybody.filter((peer) => peer.ring === "owner" || peer.keeps).length;
  const rest = more > 0 ? ` ${count(more, "more peer")} did not fit.` : "";
  return `${count(here, "peer")} here. ${keep} ${keep === 1 ? "keeps" : "keep"} your memory; you keep ${owners === 1 ? "1 memory" : `${owners} memories`} of others.${rest}`;
}

/** Anybody can claim an id, but not its key; who claims one that is another's gets nothing by it. */
function contested(conflicts, me) {
  if (conflicts.length === 0) return "";
  const names = list(conflicts.map((peer) => (peer.id === me ? "you" : peerName(peer))));
  return `More than one key claims to be ${names}. Each is told apart by its key, and what is sealed opens for its owner alone.`;
}

function table(rows) {
  const head = ["Who", "Where", "Copy of mine", "Presence", "Last message"].map((word) => html("th", { scope: "col" }, word));
  const body = rows.map((peer) =>
    html(
      "tr",
      {},
      html("th", { scope: "row" }, html("span", { class: "owner" }, emblem(peer.id, 22), html("bdi", {}, peerName(peer)))),
      html("td", {}, peer.keeps ? `${PLACES.confidant}, and I keep theirs` : PLACES[peer.ring]),
      html("td", {}, EDGES[peer.edge] || "–"),
      html("td", {}, peer.presence),
      html("td", {}, peer.heard ? `${clock(peer.heard.at)}, ${peer.heard.words}` : "–"),
    ),
  );
  return html("table", {}, html("thead", {}, html("tr", {}, ...head)), html("tbody", {}, ...body));
}

function legend() {
  const line = (state) => svg("svg", { viewBox: "0 0 28 8", width: 28, height: 8, "aria-hidden": "true" }, svg("line", { x1: 1, y1: 4, x2: 27, y2: 4, class: "edge", "data-state": state }));
  const dot = (kind) => svg("svg", { viewBox: "0 0 10 10", width: 10, height: 10, "aria-hidden": "true" }, svg("circle", { cx: 5, cy: 5, r: 4.5, class: "message", "data-kind": kind }));
  const entry = (mark, words) => html("span", { class: "key" }, mark, words);
  return [
    entry(line("acked"), "holds it"), entry(line("pending"), "waiting"), entry(line("failed"), "failed"), entry(line("owner"), "you keep theirs"),
    entry(dot("stash"), "stash message"), entry(dot("presence"), "other message"), entry(dot("dropped"), "dropped"),
  ];
}
