// Turns times, sizes and peers' names into words.

const NAME_LENGTH_MAX = 24;
const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });

/** The time of day, with the date in front when it is not today's. */
export function clock(ms) {
  const date = new Date(Number(ms));
  if (ms === null || ms === undefined || Number.isNaN(date.getTime())) return "at an unknown time";
  const today = date.toDateString() === new Date().toDateString();
  return today ? CLOCK.format(date) : dated(date);
}

/** The date and the time of day, for what is read on another day. */
export function dated(date) {
  return `${DAY.format(date)}, ${CLOCK.format(date)}`;
}

/** A duration, as exact as a reader cares for. */
export function duration(ms) {
  if (!Number.isFinite(ms)) return "an unknown time";
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1_000)} s`;
}

/** A whole number with thousands apart. */
export function number(value) {
  return Number(value ?? 0).toLocaleString("en-GB");
}

/** "1 peer", "2 peers". */
export function count(n, noun) {
  return `${number(n)} ${noun}${n === 1 ? "" : "s"}`;
}

/** "a", "a and b", "a, b and c". */
export function list(words) {
  if (words.length < 2) return words.join("");
  return `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}

/** Both ends of an id, enough to tell two apart. */
export function shortId(id) {
  const text = String(id ?? "");
  return text.length > 12 ? `${text.slice(0, 6)}…${text.slice(-4)}` : text;
}

/** A name of about so many letters: both ends stay, since generated names differ at both. One letter is not worth a mark. */
export function shortName(name, length) {
  const letters = [...name];
  if (letters.length <= length + 2) return name;
  const tail = Math.floor((length - 1) / 2);
  return `${letters.slice(0, length - 1 - tail).join("")}…${letters.slice(-tail).join("")}`;
}

/**
 * A peer's name as it may stand among our own words. Peers choose their names, so a name must not be long enough to
 * pass for a sentence of ours, nor turn the direction of the text around it.
 */
export function peerName(peer) {
  const name = String(peer?.name ?? "").replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "").trim();
  if (!name) return shortId(peer?.id) || "a peer without a name";
  const letters = [...name];
  return letters.length > NAME_LENGTH_MAX ? `${letters.slice(0, NAME_LENGTH_MAX - 1).join("")}…` : name;
}
