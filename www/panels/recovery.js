// How the memory came back: a lane per peer, with who was asked, answered, opened and was chosen, and when. Can be replayed.

import { byId, html, svg, whenChanged } from "../dom.js";
import { emblem } from "../emblem.js";
import { duration, peerName } from "../format.js";
import { foundBy } from "../store.js";
import { Trace } from "../trace.js";

const RESULTS = {
  chosen: "opened, and chosen",
  opened: "opened, the same memory",
  older: "opened, but older",
  not_found: "keeps nothing of yours",
  broken: "could not be opened",
  probe: "only a probe, passed over",
  silent: "has not answered",
};
/** Told where nothing was looked for yet. */
const STEPS = [
  "You come back with your soul, in this browser or another.",
  "This tab asks everybody on the plaza, and first those whom your last seal named.",
  "Every answer is opened with your soul; the newest that opens is your memory, whoever answers first.",
  "Whoever gave a copy is your confidant again, and missing copies are made.",
];
/** A replay takes this long at least, so that an eye can follow what took milliseconds. */
const REPLAY_MS = 4_000;
/** Where a lane's line begins and how long it is, in hundredths of its width, so that marks keep their shape. */
const LINE = { from: 3, length: 94 };

/** Draws the last search. `rehearse()` forgets the memory in this tab and recovers it. */
export function mountRecovery(store, { rehearse }) {
  let trace = new Trace();
  let replaying = null;

  const listen = whenChanged(() => {
    trace = new Trace();
    const mine = trace;
    const nara = store.nara;
    nara?.addEventListener("traffic", ({ detail }) => mine === trace && mine.note(detail, Date.now()));
  });

  const draw = whenChanged(({ recovery, looking, online, lanes }) => {
    stop();
    byId("recovery").replaceChildren(
      html("p", { class: recovery.state === "recovered" ? "" : "muted" }, summary(recovery, looking, online)),
      ...(recovery.state === "none" && !looking ? [html("ol", { class: "steps" }, ...STEPS.map((step) => html("li", {}, step)))] : []),
      ...(lanes.length ? [html("ol", { class: "lanes" }, ...lanes.map((one) => lane(one, end(recovery, lanes), recovery.tookMs)))] : []),
    );
  });

  const view = () => {
    const { status } = store;
    const online = status.connection.state === "online";
    return { recovery: status.recovery, looking: store.looking, online, lanes: trace.lanes(status) };
  };

  const drawActions = () => {
    const { recovery } = store.status;
    byId("replay").hidden = recovery.state === "none" || recovery.answers.length === 0;
    byId("replay").textContent = replaying ? "Stop" : "Replay";
    const why = whyNot(store);
    byId("rehearse").hidden = store.phase !== "awake" || !store.memory;
    byId("rehearse").setAttribute("aria-disabled", String(Boolean(why)));
    const words = why ?? "Forgets the memory in this tab only, then asks your confidants for it: watch it come back.";
    byId("rehearse-words").textContent = store.memory ? words : "";
  };

  const stop = () => {
    if (replaying) clearTimeout(replaying.timer);
    replaying?.hidden.forEach((element) => element.classList.remove("later"));
    replaying = null;
  };

  byId("replay").addEventListener("click", () => {
    if (replaying) stop();
    else replay();
    drawActions();
  });
  byId("rehearse").addEventListener("click", () => whyNot(store) === null && rehearse());

  /** Shows everything again in its order, slowed down where it was too quick to see. Nothing moves; it appears. */
  const replay = () => {
    const marks = [...byId("recovery").querySelectorAll("[data-ms]")];
    const length = Math.max(1, ...marks.map((mark) => Number(mark.dataset.ms)));
    const slow = Math.max(1, REPLAY_MS / length);
    const hidden = new Set(marks);
    hidden.forEach((element) => element.classList.add("later"));
    const startedAt = performance.now();
    replaying = { hidden, timer: null };
    const next = () => {
      const at = (performance.now() - startedAt) / slow;
      for (const mark of hidden) {
        if (Number(mark.dataset.ms) > at) continue;
        mark.classList.remove("later");
        hidden.delete(mark);
      }
      if (hidden.size > 0) replaying.timer = setTimeout(next, 30);
      else replaying = null;
      if (!replaying) drawActions();
    };
    next();
  };

  store.addEventListener("change", () => {
    if (store.phase === "awake") listen(store.awakened);
    draw(view());
    drawActions();
  });
}

/** Why the memory is not to be forgotten in this tab just now, or null. */
function whyNot(store) {
  if (store.status.connection.state !== "online") return "Forget and recover needs the plaza.";
  if (store.unsaved || store.saving) return "Forget and recover waits until your edits are saved.";
  if (!store.status.stash.holders.length) return "Forget and recover waits until somebody holds your memory.";
  return store.status.recovery.state === "searching" ? "Recovering now." : null;
}

function summary(recovery, looking, online) {
  if (looking && recovery.state === "none") return "The search begins when the plaza answers.";
  if (recovery.state === "searching") return `Asking everyone who is here for your memory.${soFar(recovery)}`;
  if (recovery.state === "not_found" && !online) return "Nobody is reached now. The search goes on when the plaza answers.";
  if (recovery.state === "not_found") return "Nobody who answered keeps a memory of yours. New peers are asked as they come.";
  if (recovery.state === "none") return "Nothing is looked for in this tab now. When it is:";
  const { name, copies } = foundBy(recovery);
  return `Your memory came back from ${name} in ${duration(recovery.tookMs)}; ${copies}.`;
}

function soFar({ answers }) {
  const newest = Math.max(0, ...answers.map(({ version }) => version ?? 0));
  return newest > 0 ? ` The newest so far is version ${newest}.` : "";
}

function end(recovery, lanes) {
  return Math.max(1, recovery.tookMs ?? 0, ...lanes.map(({ askedMs, atMs }) => atMs ?? askedMs));
}

function lane({ id, name, askedMs, atMs, result }, last, tookMs) {
  const x = (ms) => `${(LINE.from + (ms / last) * LINE.length).toFixed(2)}%`;
  const chosen = result === "chosen" && tookMs !== null;
  const line = svg(
    "svg",
    { class: "lane-line", "aria-hidden": "true" },
    svg("line", { x1: x(0), x2: x(last), y1: 8, y2: 8, class: "track" }),
    atMs === null ? null : svg("line", { x1: x(askedMs), x2: x(atMs), y1: 8, y2: 8, class: "wait", "data-ms": atMs }),
    chosen && tookMs > atMs ? svg("line", { x1: x(atMs), x2: x(tookMs), y1: 8, y2: 8, class: "settled", "data-ms": tookMs }) : null,
    svg("circle", { cx: x(askedMs), cy: 8, r: 5, class: "asked", "data-ms": askedMs }),
    atMs === null ? null : svg("circle", { cx: x(atMs), cy: 8, r: 6, class: "answered", "data-ms": atMs }),
    chosen ? svg("svg", { x: x(tookMs), overflow: "visible", "data-ms": tookMs }, svg("path", { d: "M-7 8l7-7 7 7-7 7z", class: "star" })) : null,
  );
  // A figure keeps to its unit.
  const ms = (time) => duration(time).replaceAll(" ", "\u00a0");
  const figures = [`asked ${ms(askedMs)}`, atMs !== null && `answered ${ms(atMs)}`, chosen && `chosen ${ms(tookMs)}`];
  return html(
    "li",
    { class: "lane", "data-result": result },
    emblem(id, 24),
    html("bdi", { class: "lane-name" }, peerName({ id, name })),
    html("span", { class: "lane-ms" }, atMs === null ? "…" : duration(atMs)),
    line,
    html("span", { class: "lane-result", "data-ms": atMs ?? askedMs }, `${RESULTS[result] ?? result} · ${figures.filter(Boolean).join(", ")}`),
  );
}
