// Who stands where in the picture, and in the table that says the same.

import { peersHere } from "./store.js";

/** More than this many on the outer ring would overlap, on a wide picture and on a narrow one. */
const OUTER_MAX = { wide: 14, narrow: 8 };
const OWNERS_MAX = { wide: 10, narrow: 6 };
/** Narrower than this, in pixels, the rings are nearer. */
const NARROW = 480;
/** How much room a name takes: a letter's width and a line's height, in pixels. */
const [LETTER, LINE] = [6.8, 13];

/**
 * Everybody around, each as `{ id, name, presence, ring, edge }`. `ring` is "confidant", "owner" or "other"; `edge` is
 * "acked", "pending" or "failed" for confidants, "owner" for those whose memory is kept here, "none" for others.
 */
export function neighbours({ confidants, held, stash, peers }) {
  const everybody = new Map();
  for (const peer of peersHere({ peers })) everybody.set(peer.id, { ...only(peer), ring: "other", edge: "none" });
  for (const owner of held.stashes) everybody.set(owner.id, { ...only(owner), ring: "owner", edge: "owner" });
  for (const peer of confidants) {
    everybody.set(peer.id, { ...only(peer), ring: "confidant", edge: edgeOf(peer, stash.version), keeps: everybody.get(peer.id)?.ring === "owner" });
  }
  const rank = { confidant: 0, owner: 1, other: 2 };
  return [...everybody.values()].sort((a, b) => rank[a.ring] - rank[b.ring] || (a.id < b.id ? -1 : 1));
}

function only({ id, name, presence }) {
  return { id, name, presence: presence ?? "offline" };
}

function edgeOf({ state, version }, newest) {
  if (state === "acked") return version === newest ? "acked" : "pending";
  return state === "pending" ? "pending" : "failed";
}

/** Places for a picture of this width: `{ width, height, middle, peers, vacant, orbits, more }`, in pixels. */
export function layout(everybody, target, width) {
  const size = width < NARROW ? "narrow" : "wide";
  const height = Math.round(size === "narrow" ? width * 1.15 : Math.min(width * 0.66, 460));
  const middle = { x: width / 2, y: height / 2 };
  const rx = width / 2 - (size === "narrow" ? 34 : 58);
  const ry = height / 2 - 30;
  const of = (ring) => everybody.filter((peer) => peer.ring === ring);
  const owners = of("owner").slice(0, OWNERS_MAX[size]);
  const others = of("other").slice(0, OUTER_MAX[size]);
  const near = of("confidant");
  const shares = sharesOf(owners.length > 0, others.length > 0);
  const ring = (name, places, turn) => {
    return Array.from({ length: places }, (_, i) => {
      const angle = ((turn + (i * 360) / places) * Math.PI) / 180;
      return { x: middle.x + rx * shares[name] * Math.cos(angle), y: middle.y + ry * shares[name] * Math.sin(angle) };
    });
  };
  const wanted = Math.max(target, near.length, 1);
  // No edge runs straight down, where my own name stands; each ring is turned against the one inside it.
  const turn = wanted % 2 === 1 ? -90 : -90 + 180 / wanted;
  const inner = ring("confidant", wanted, turn);
  const beyond = ring("owner", owners.length, turn + 180 / wanted);
  const outside = ring("other", others.length, turn + 180 / wanted + (owners.length ? 180 / owners.length : 0));
  const place = (peers, places) => peers.map((peer, i) => ({ ...peer, ...places[i] }));
  return {
    width, height, middle,
    peers: [...place(near, inner), ...place(owners, beyond), ...place(others, outside)],
    vacant: inner.slice(near.length),
    orbits: [...new Set(Object.values(shares))].map((share) => ({ rx: rx * share, ry: ry * share })),
    more: everybody.length - near.length - owners.length - others.length,
  };
}

/**
 * The same nodes, each `{ x, y, size, label }`, with the place `at` of its name: on the side away from the middle, where
 * no edge runs, or wherever it meets no other name. It never leaves the picture.
 */
export function labels(nodes, { width, height, middle }) {
  const placed = [];
  return nodes.map((node) => {
    const half = [...node.label].length * LETTER / 2 + 4;
    const x = Math.min(Math.max(node.x, half), width - half);
    const [above, below] = [node.y - node.size / 2 - 7, node.y + node.size / 2 + 14];
    const wanted = node.y < middle.y ? [above, above - LINE, below] : [below, below + LINE, above];
    const isFree = (y) => y > LINE && y < height && placed.every((other) => Math.abs(other.y - y) >= LINE || Math.abs(other.x - x) >= other.half + half);
    const y = wanted.find(isFree) ?? wanted[0];
    placed.push({ x, y, half });
    return { ...node, at: { x, y } };
  });
}

/** How far out each ring is, as a share of the picture; rings with nobody on them take no room. */
function sharesOf(owners, others) {
  if (owners && others) return { confidant: 0.46, owner: 0.75, other: 1 };
  if (owners || others) return { confidant: 0.54, owner: 1, other: 1 };
  return { confidant: 0.82, owner: 0.82, other: 0.82 };
}
