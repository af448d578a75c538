// What differs between two texts, line by line.

/** More pairs of lines than this are not compared one by one. */
const PAIRS_MAX = 2_000_000;

/** A list of `{ change, text }` that leads from one text to the other: `same`, `removed` or `added`. */
export function diff(from, to) {
  const a = from.split("\n");
  const b = to.split("\n");
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start += 1;
  let end = 0;
  while (end < a.length - start && end < b.length - start && a.at(-1 - end) === b.at(-1 - end)) end += 1;
  const same = (lines) => lines.map((text) => ({ change: "same", text }));
  const middle = between(a.slice(start, a.length - end), b.slice(start, b.length - end));
  return [...same(a.slice(0, start)), ...middle, ...same(a.slice(a.length - end))];
}

/** The same, with no more than `around` unchanged lines beside each change; `skipped` stands for the others. */
export function condensed(lines, around = 2) {
  const near = lines.map((_, i) => lines.slice(Math.max(0, i - around), i + around + 1).some(({ change }) => change !== "same"));
  const short = [];
  let left = 0;
  lines.forEach((line, i) => {
    if (near[i]) {
      if (left > 0) short.push({ change: "skipped", count: left });
      left = 0;
      short.push(line);
    } else {
      left += 1;
    }
  });
  if (left > 0) short.push({ change: "skipped", count: left });
  return short;
}

/** By the longest common subsequence. */
function between(a, b) {
  const removed = (text) => ({ change: "removed", text });
  const added = (text) => ({ change: "added", text });
  if (a.length * b.length > PAIRS_MAX) return [...a.map(removed), ...b.map(added)];
  const width = b.length + 1;
  const longest = new Uint16Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) {
      const skip = Math.max(longest[(i + 1) * width + j], longest[i * width + j + 1]);
      longest[i * width + j] = a[i] === b[j] ? longest[(i + 1) * width + j + 1] + 1 : skip;
    }
  }
  const lines = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      lines.push({ change: "same", text: a[i] });
      i += 1;
      j += 1;
    } else if (j >= b.length || (i < a.length && longest[(i + 1) * width + j] >= longest[i * width + j + 1])) {
      lines.push(removed(a[i++]));
    } else {
      lines.push(added(b[j++]));
    }
  }
  return lines;
}
