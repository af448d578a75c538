// Draws a nara's emblem: petals and colours that follow from its id alone, so that the same peer looks the same everywhere.

import { svg } from "./dom.js";

/** An SVG of the given size in pixels. Decoration: the name beside it says who it is. */
export function emblem(id, size = 40) {
  const draw = dice(String(id));
  const hue = draw(360);
  const second = (hue + 40 + draw(240)) % 360;
  const petals = 5 + draw(4);
  const turn = draw(360 / petals);
  const shape = SHAPES[draw(SHAPES.length)];
  const seeds = draw(3);
  const flower = [];
  for (let i = 0; i < petals; i += 1) {
    flower.push(shape({ transform: `rotate(${turn + (i * 360) / petals} 20 20)`, fill: `hsl(${hue} 52% 46%)` }));
  }
  for (let i = 0; i < petals && seeds > 0; i += 1) {
    const angle = turn + 180 / petals + (i * 360) / petals;
    flower.push(svg("circle", { cx: 20, cy: seeds === 1 ? 6.5 : 9.5, r: 1.5, fill: `hsl(${second} 55% 42%)`, transform: `rotate(${angle} 20 20)` }));
  }
  return svg(
    "svg",
    { viewBox: "0 0 40 40", width: size, height: size, class: "emblem", "aria-hidden": "true" },
    svg("circle", { cx: 20, cy: 20, r: 20, fill: `hsl(${hue} 45% 90%)` }),
    ...flower,
    svg("circle", { cx: 20, cy: 20, r: 4.6, fill: `hsl(${second} 70% 62%)` }),
    svg("circle", { cx: 20, cy: 20, r: 1.9, fill: `hsl(${second} 60% 32%)` }),
  );
}

const SHAPES = [
  (look) => svg("ellipse", { cx: 20, cy: 11.5, rx: 3.6, ry: 7, ...look }),
  (look) => svg("path", { d: "M20 20C14.5 14 16 8 20 4.5 24 8 25.5 14 20 20Z", ...look }),
  (look) => svg("circle", { cx: 20, cy: 10.8, r: 4.4, ...look }),
  (look) => svg("path", { d: "M20 20 15.8 9.5a4.4 4.4 0 0 1 8.4 0Z", ...look }),
];

/** Numbers below a bound, the same each time for the same text (FNV-1a, then xorshift). */
function dice(text) {
  let state = 0x811c9dc5;
  for (const letter of text) state = Math.imul(state ^ letter.codePointAt(0), 0x01000193) >>> 0;
  state ||= 1;
  return (below) => {
    state = (state ^ (state << 13)) >>> 0;
    state = (state ^ (state >>> 17)) >>> 0;
    state = (state ^ (state << 5)) >>> 0;
    return state % Math.floor(below);
  };
}
