// How the memory came back: who answered, after how long, and with what.

import { byId, html, whenChanged } from "../dom.js";
import { emblem } from "../emblem.js";
import { duration, peerName } from "../format.js";
import { foundBy } from "../store.js";

const RESULTS = {
  chosen: "opened, and chosen",
  opened: "opened, the same memory",
  older: "opened, but older",
  not_found: "keeps nothing of yours",
  broken: "could not be opened",
};

/** Draws the last search, a lane per peer that answered. */
export function mountRecovery(store) {
  const draw = whenChanged(({ recovery, looking }) => {
    byId("recovery").replaceChildren(
      html("p", { class: recovery.state === "recovered" ? "" : "muted" }, summary(recovery, looking)),
      ...(recovery.answers.length ? [lanes(recovery.answers)] : []),
    );
  });
  store.addEventListener("change", () => draw({ recovery: store.status.recovery, looking: store.looking }));
}

function summary(recovery, looking) {
  if (looking && recovery.state === "none") return "The search begins when the plaza answers.";
  if (recovery.state === "searching") return "Asking everyone who is here for your memory.";
  if (recovery.state === "not_found") return "Nobody who answered keeps a memory of yours. New peers are asked as they come.";
  if (recovery.state === "none") return "Nothing was looked for in this tab.";
  const { name, copies } = foundBy(recovery);
  return `Your memory came back from ${name} in ${duration(recovery.tookMs)}; ${copies}.`;
}

function lanes(answers) {
  const longest = Math.max(1, ...answers.map((answer) => answer.atMs));
  const lane = (answer) => {
    const bar = html("span", { class: "lane-bar" });
    bar.style.width = `${Math.max(2, (answer.atMs / longest) * 100)}%`;
    return html(
      "li",
      { class: "lane", "data-result": answer.result },
      emblem(answer.id, 24),
      html("bdi", { class: "lane-name" }, peerName(answer)),
      html("span", { class: "lane-track", "aria-hidden": "true" }, bar),
      html("span", { class: "lane-ms" }, duration(answer.atMs)),
      html("span", { class: "lane-result small" }, RESULTS[answer.result] ?? answer.result),
    );
  };
  return html("ol", { class: "lanes" }, ...[...answers].sort((a, b) => a.atMs - b.atMs).map(lane));
}
