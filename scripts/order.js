// The order of a module's functions: what is alike stands together, because gzip looks back 32 kB, and no further.

import { gzipSync } from "node:zlib";

/**
 * Indexes into `bodies`, an array of bytes each: of some orders, in which what is alike stands together, that which gzip
 * makes the smallest. The same bodies always give the same order.
 */
export function alike(bodies) {
  const pieces = bodies.map(piecesOf);
  const users = new Map();
  pieces.forEach((own, index) => own.forEach((piece) => users.get(piece)?.push(index) ?? users.set(piece, [index])));
  const orders = ROOMS.flatMap((room) => SHORT.map((short) => ordered({ bodies, pieces, users, room, short })));
  const sizes = orders.map((order) => gzipSync(Buffer.concat(order.map((index) => bodies[index])), { level: 9 }).length);
  return orders[sizes.indexOf(Math.min(...sizes))];
}

/** Behind each function comes that of which most was there in the last `room` bytes. */
function ordered({ bodies, pieces, users, room, short }) {
  const seen = new Uint16Array(HASHES);
  /** Of each function, how many of its pieces are in the window. */
  const known = new Uint32Array(bodies.length);
  const enter = (index) => pieces[index].forEach((piece) => seen[piece]++ === 0 && users.get(piece).forEach((user) => known[user]++));
  const leave = (index) => pieces[index].forEach((piece) => --seen[piece] === 0 && users.get(piece).forEach((user) => known[user]--));

  const order = [];
  const left = new Set(bodies.keys());
  let window = 0;
  let oldest = 0;
  for (let next = best(left, (index) => bodies[index].length); left.size > 0; next = best(left, (index) => known[index] / (pieces[index].length + short))) {
    left.delete(next);
    order.push(next);
    enter(next);
    for (window += bodies[next].length; window > room && oldest < order.length - 1; oldest++) {
      window -= bodies[order[oldest]].length;
      leave(order[oldest]);
    }
  }
  return order;
}

/** The different runs of a few bytes in a body, each as a number. */
function piecesOf(body) {
  const found = new Set();
  for (let at = 0; at + PIECE <= body.length; at++) {
    let hash = 0;
    for (let offset = 0; offset < PIECE; offset++) hash = (Math.imul(hash, 16_777_619) ^ body[at + offset]) >>> 0;
    found.add((hash ^ (hash >>> 12)) % HASHES);
  }
  return [...found];
}

/** The first of the indexes with the highest value. */
function best(indexes, valueOf) {
  let [found, highest] = [-1, -1];
  for (const index of indexes) {
    const value = valueOf(index);
    if (value > highest) [found, highest] = [index, value];
  }
  return found;
}

// Tried on the module: a few bytes more or less make it some hundred bytes larger, without all of this it is 2 kB larger.
const PIECE = 7;
// Which of these is best is chance: by the one or the other it is half a kilobyte smaller or larger.
const ROOMS = [26_000, 30_000, 34_000];
/** So much of a short function is not known: or they would come first, and use up the room. */
const SHORT = [4, 8, 16, 32];
const HASHES = 1 << 20;
