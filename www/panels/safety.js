// Shows the one sentence on top, its mark, and the next thing to do.

import { byId, html, say, svg } from "../dom.js";
import { sentence } from "../sentence.js";

const ACTIONS = { retry: "Try now", save: "Save", soul: "Keep my soul", empty: "Start empty", here: "Go on here", takeover: "Use this tab instead" };
const MARKS = {
  calm: ["M12 11v6", "M12 7h.01"],
  wait: ["M7 12h.01", "M12 12h.01", "M17 12h.01"],
  risk: ["M12 6.5v6.5", "M12 17h.01"],
  safe: ["M7 12.5l3.5 3.5 6.5-8"],
};

/** Draws the sentence now and at every change; by the second while it counts down. */
export function mountSafety(store, actions) {
  const box = byId("safety");
  const button = byId("safety-action");
  let shown = "";
  let action = null;
  let clock = null;

  const draw = () => {
    const { tone, words, action: next } = sentence(store, Date.now());
    const key = JSON.stringify(words);
    if (key !== shown) speak(words, shown);
    shown = key;
    if (box.dataset.tone !== tone || !byId("safety-mark").firstChild) {
      box.dataset.tone = tone;
      byId("safety-mark").replaceChildren(mark(tone));
    }
    action = next;
    say(button, next ? ACTIONS[next] : "");
    const { state, why } = store.status.connection;
    say(byId("reason"), store.phase === "awake" && state !== "online" && why ? `Why: ${why}` : "");
    keepTime(words.some((word) => word.tick));
  };

  const keepTime = (ticking) => {
    if (ticking && !clock) clock = setInterval(draw, 500);
    if (!ticking && clock) clock = clearInterval(clock) ?? null;
  };

  button.addEventListener("click", () => {
    if (action === "soul") byId("show-soul").focus();
    else actions[action]?.();
  });
  store.addEventListener("change", draw);
  draw();
  foldWhenStuck(box);
}

/** While the page is scrolled a narrow screen shows the sentence in two lines; what it gives up stays free below it. */
function foldWhenStuck(box) {
  new IntersectionObserver(([{ isIntersecting }]) => {
    box.dataset.stuck = "false";
    const open = box.offsetHeight;
    box.dataset.stuck = String(!isIntersecting);
    box.style.marginBottom = `${open - box.offsetHeight}px`;
  }).observe(document.querySelector(".top"));
}

/** Writes the words; a countdown alone is written in place and hidden from screen readers, which would read each second. */
function speak(words, before) {
  const line = byId("sentence");
  const tick = line.querySelector(".tick");
  const still = (parts) => JSON.stringify(parts.map((word) => (word.tick ? {} : word)));
  if (tick && before && still(words) === still(JSON.parse(before))) {
    tick.textContent = words.find((word) => word.tick).tick;
    return;
  }
  line.replaceChildren(
    ...words.map(({ tick, past }, at) => {
      if (past !== undefined) return html("span", { class: "past" }, past);
      return tick ? html("span", { class: "tick", "aria-hidden": "true" }, tick) : words[at];
    }),
  );
}

function mark(tone) {
  return svg(
    "svg",
    { viewBox: "0 0 24 24", class: "mark" },
    svg("circle", { cx: 12, cy: 12, r: 10.5 }),
    ...MARKS[tone].map((d) => svg("path", { d })),
  );
}
