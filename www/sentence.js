// Answers "is my data safe?" in one sentence, with the next thing to do.

import { clock, count, duration, list, peerName } from "./format.js";
import { foundBy, holdersOf, peersHere } from "./store.js";

/** So many of those who answered are named, and the rest are counted. */
const ANSWERED_NAMED_MAX = 3;

/**
 * `{ tone, words, action }`: a tone of "calm", "wait", "risk" or "safe"; the words, of which those as `{ tick }` change
 * by the second and those as `{ past }` may give way where there is no room; and an action "retry", "save", "soul", "empty", "here", "takeover" or null.
 */
export function sentence(store, now) {
  const said = main(store, now);
  const aside = asides(store);
  return aside ? { ...said, words: [...said.words, aside] } : said;
}

function main(store, now) {
  if (store.phase === "welcome") return answer("calm", ["Nothing is kept yet. Start new, or bring the soul you have."]);
  if (store.phase === "waking") return answer("wait", ["Waking up. Nothing has been sent yet."]);
  if (store.phase === "mirror") return mirrored(store);
  const { state } = store.status.connection;
  if (state === "asleep") return answer(store.unsaved ? "risk" : "calm", ["Asleep. ", lastKnown(store)]);
  if (store.status.elsewhere) return elsewhere(store);
  if (state !== "online") return reaching(store, now);
  if (store.saving) return saving(store);
  if (store.status.stash.gate === "undecided") return undecided(store);
  if (isSearching(store) && !hasVersion(store)) return searching(store);
  if (store.unsaved) return unsaved(store);
  return hasVersion(store) ? kept(store) : empty(store);
}

/** What is true beside the answer, and changes what can be relied on. */
function asides(store) {
  const words = [];
  const { clock: own } = store.status;
  if (store.phase === "awake" && own?.off) {
    const way = own.offsetMs > 0 ? "behind" : "ahead";
    words.push(` This device's clock is ${duration(Math.abs(own.offsetMs))} ${way}; the peers' time is used instead.`);
  }
  if (store.phase === "awake" && store.beside) words.push(" Another memory is kept beside this one.");
  if (store.insecure && store.phase !== "waking") {
    words.push(" This page came without HTTPS: whoever is on the way could change it, and only one tab can be used.");
  }
  return words.join("");
}

function mirrored(store) {
  const words = "Another tab of this browser lives as this nara; here you only see what it shows.";
  if (store.insecure) return answer("calm", [`${words} Close it, then reload this one.`]);
  return answer("calm", [words], "takeover");
}

function elsewhere(store) {
  const edits = store.unsaved ? " Your edits are only in this tab." : "";
  const words = "Another device lives as this nara, so nothing is stored from here until you go on here.";
  return answer("risk", [words, edits], "here");
}

/** Searched in vain: saving now is the user's choice, because it may replace what was not found. */
function undecided(store) {
  const here = peersHere(store.status).length;
  const among = here === 0 ? "nobody is here to ask" : `${count(here, "peer")} asked`;
  const edits = store.unsaved ? " Your edits are only in this tab." : "";
  const words = `No copy of your memory was found yet (${among}). The search goes on; start empty only if there is none to wait for.`;
  return answer(store.unsaved ? "risk" : "wait", [words, brokenBy(store), edits], "empty");
}

/** Who gave back something that this soul does not open. */
function brokenBy(store) {
  const broken = store.status.recovery.answers.filter((one) => one.result === "broken");
  if (broken.length === 0) return "";
  const copies = broken.length === 1 ? "a copy" : "copies";
  return ` ${list(broken.map(peerName))} gave ${copies} that your soul does not open: damaged, or sealed with another.`;
}

function reaching(store, now) {
  const { state, attempt, retryAt } = store.status.connection;
  const words = ["Reaching the plaza"];
  if (attempt > 0) {
    words.push(` (try ${attempt}`);
    if (state === "waiting" && retryAt) words.push({ tick: `, next in ${Math.max(0, Math.ceil((retryAt - now) / 1_000))} s` });
    words.push(")");
  }
  words.push(". ", lastKnown(store));
  const isHere = store.unsaved || (hasVersion(store) && holdersOf(store.status).length === 0);
  return answer(isHere ? "risk" : "wait", words, state === "waiting" ? "retry" : null);
}

/** Where the data is, as far as we knew when we last could ask. */
function lastKnown(store) {
  const { stash } = store.status;
  const where = holdersOf(store.status).length === 0 ? "is only in this tab, not stored yet" : `was last held by ${share(stash, store)}`;
  const held = hasVersion(store) ? `ersion ${stash.version} ${where} (${clock(stash.savedAt)}).` : "";
  if (store.unsaved) return `Your edits are only in this tab${held ? `; v${held}` : "."}`;
  if (store.looking || (!held && stash.gate !== "open")) return "Your memory is looked for as soon as it answers.";
  return held ? `V${held}` : "Nothing has been saved from this tab yet.";
}

function saving(store) {
  const { target, holders } = store.status.stash;
  const got = holders.filter((holder) => holder.version > store.saving.after).length;
  return answer("wait", [`Saving: ${got} of ${target} confidants have the new version so far. Keep this tab open.`]);
}

function searching(store) {
  const here = peersHere(store.status).length;
  const asked = here === 0 ? "nobody is here to ask yet" : `${count(here, "peer")} asked, ${answeredBy(store)}`;
  const edits = store.unsaved ? " Your edits are only in this tab." : "";
  return answer("wait", [`Looking for your memory: ${asked}.${brokenBy(store)}${edits}`]);
}

/** Who answered so far, and the newest that they gave. */
function answeredBy({ status }) {
  const { answers } = status.recovery;
  if (answers.length === 0) return "nobody answered yet";
  const names = answers.slice(0, ANSWERED_NAMED_MAX).map(peerName);
  const more = answers.length - names.length;
  const newest = Math.max(0, ...answers.map(({ version }) => version ?? 0));
  const words = `${list(more > 0 ? [...names, `${more} more`] : names)} answered`;
  return newest > 0 ? `${words}; the newest so far is version ${newest}` : words;
}

function unsaved(store) {
  const { stash } = store.status;
  const edits = "Your edits are only in this tab.";
  const waiting = tooFew(store.status) || noPlace(store.status);
  const before = hasVersion(store) ? ` Version ${stash.version} is with ${share(stash, store)}.` : "";
  if (waiting) return answer("risk", [`${waiting} ${edits}${before}`]);
  return answer("risk", [`Not saved yet. ${edits}${before}`], store.checked.error || store.tooLarge ? null : "save");
}

function empty(store) {
  const here = peersHere(store.status).length;
  const waiting = tooFew(store.status);
  if (store.status.recovery.state === "not_found") {
    // The gate is open, so somebody has chosen to start empty.
    const words = "You start empty: what you write now can be saved. Should an older memory turn up, it is kept beside it.";
    return answer(waiting ? "wait" : "calm", [waiting ? `${waiting} ${words}` : words]);
  }
  if (waiting) return answer("wait", [`${waiting} Nothing is saved yet.`]);
  return answer("calm", [`Nothing is saved yet. ${count(here, "peer")} ${here === 1 ? "is" : "are"} here to keep what you write.`]);
}

function kept(store) {
  const { stash } = store.status;
  const holders = holdersOf(store.status).length;
  const first = restored(store);
  // The time stands in the words once only: the restored part has said it already.
  const which = first ? `(version ${stash.version})` : `(version ${stash.version}, ${clock(stash.savedAt)})`;
  const soul = store.soulAtRisk ? " Keep your soul before you close this tab: nothing opens it without." : "";
  const action = store.soulAtRisk ? "soul" : null;
  if (holders >= stash.target) {
    const away = absent(store.status);
    const spares = holders > stash.target ? `, and ${count(holders - stash.target, "spare")}` : "";
    const words = `Safe: ${stash.target} of ${stash.target} confidants hold it${spares} ${which}.${away}${soul}`;
    return answer("safe", [first, words], action);
  }
  const next = tooFew(store.status) ? "waiting for another peer to come" : "finding another";
  if (holders > 0) return answer("wait", [first, `Partly safe: ${holders} of ${stash.target} confidants hold it ${which}; ${next}.${soul}`], action);
  const only = `Version ${stash.version} is only in this tab.`;
  if (noPlace(store.status)) return answer("risk", [first, `${noPlace(store.status)} ${only}`]);
  return answer("risk", [first, tooFew(store.status) ? `${tooFew(store.status)} ${only}` : `No confidant is known to hold it yet. ${only}`]);
}

function restored(store) {
  const { recovery, stash } = store.status;
  if (recovery.state !== "recovered" || store.savedSince) return "";
  const { name, copies } = foundBy(recovery);
  return { past: `Restored from ${name} in ${duration(recovery.tookMs)}; ${copies}, saved ${clock(stash.savedAt)}. ` };
}

function absent(status) {
  const ids = new Set(holdersOf(status).map((holder) => holder.id));
  const away = status.confidants.filter((confidant) => ids.has(confidant.id) && confidant.presence !== "online").length;
  return away > 0 ? ` ${away} of them ${away === 1 ? "is" : "are"} away now.` : "";
}

function tooFew(status) {
  const here = peersHere(status).length;
  return here < status.stash.target ? `Waiting for peers: ${here} here, ${status.stash.target} needed.` : "";
}

/** Said when whoever was asked refused, and nobody is left to ask. */
function noPlace(status) {
  const { confidants } = status;
  const all = confidants.length > 0 && confidants.every((confidant) => confidant.state === "refused");
  return all ? `No place left: ${count(confidants.length, "peer")} refused. More are asked as they come.` : "";
}

function share(stash, store) {
  return `${Math.min(holdersOf(store.status).length, stash.target)} of ${stash.target} confidants`;
}

function isSearching({ looking, status }) {
  return status.recovery.state === "searching" || (looking && status.recovery.state === "none");
}

function hasVersion(store) {
  return store.status.stash.version > 0;
}

function answer(tone, words, action = null) {
  return { tone, words, action };
}
