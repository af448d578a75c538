// How often a memory is lost: `npm run durability -- [--owner-days N] [--seed S] [--threads T] [--mix ID] [--json]`.
// Simulated by tests/durability; the rows are written into docs/reliability.md.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { StepError, root, run, runMain, say } from "./steps.js";

const PAGE = join(root, "docs", "reliability.md");
const [BEGIN, END] = ["<!-- durability -->", "<!-- /durability -->"];
const COMMAND = ["run", "--quiet", "--locked", "--profile", "sim", "--example", "durability", "--"];

await runMain(async () => {
  const words = process.argv.slice(2);
  const isJson = words.includes("--json");
  if (!isJson) say("about a second of processor for each owner-day; without --owner-days 1,000 of each mix, which takes hours");
  const output = await run("simulate owners and peers that come and go", "cargo", [...COMMAND, ...words.filter((word) => word !== "--json")]);
  const rows = output.split("\n").filter((line) => line.startsWith("{")).map((line) => JSON.parse(line));
  if (rows.length === 0) throw new StepError("no mix was simulated");
  if (isJson) rows.forEach((row) => say(JSON.stringify(row)));
  else rows.forEach((row) => say(line(row)));
  write(rows);
  const broken = rows.filter(isBroken);
  say(broken.length === 0 ? "no mix loses more than was promised" : `not as promised: ${broken.map(({ mix }) => mix).join(", ")}`);
  if (broken.length > 0) process.exitCode = 1;
});

/** In a thousand owner-days. */
function rate({ lost, notGiven, ownerDays }) {
  return ((lost + notGiven) / ownerDays) * 1_000;
}

/** With 95% confidence no more than this; three where none was seen. */
function rateAtMost({ lost, notGiven, ownerDays }) {
  const seen = lost + notGiven;
  let [low, high] = [seen, seen * 3 + 10];
  while (high - low > 1e-6) {
    const mean = (low + high) / 2;
    let term = Math.exp(-mean);
    let sum = 0;
    for (let count = 0; count <= seen; count++) {
      sum += term;
      term *= mean / (count + 1);
    }
    if (sum > 0.05) low = mean;
    else high = mean;
  }
  return (high / ownerDays) * 1_000;
}

function isBroken(row) {
  return row.limit !== null && rate(row) > row.limit;
}

function line(row) {
  const number = (value) => Number(value.toPrecision(2)).toLocaleString("en");
  const cells = [
    row.title,
    row.ownersPerPeer,
    row.policy,
    row.ownerDays.toLocaleString("en"),
    row.absences.toLocaleString("en"),
    row.lost + row.notGiven,
    `${number(rate(row))} (at most ${number(rateAtMost(row))})${row.limit === null ? "" : `, promised ${row.limit}`}`,
    `${row.foundOne}, ${row.foundTwo}`,
    row.copies.toFixed(1),
    `${row.seed} to ${row.seed + row.seeds - 1}`,
  ];
  return `| ${cells.join(" | ")} |`;
}

/** Puts the rows of these mixes in the place of older ones. */
function write(rows) {
  const page = readFileSync(PAGE, "utf8");
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin < 0 || end < begin) throw new StepError(`${PAGE} has no ${BEGIN} … ${END}`);
  const [, , ...older] = page.slice(begin + BEGIN.length, end).trim().split("\n");
  const key = (text) => text.split("|").slice(1, 4).join("|");
  const table = older.map((text) => [key(text), text]);
  for (const text of rows.map(line)) {
    const place = table.findIndex(([one]) => one === key(text));
    if (place < 0) table.push([key(text), text]);
    else table[place] = [key(text), text];
  }
  const head = "| peers | owners for each | copies | owner-days | absences | lost | lost in 1,000 owner-days (95%) | returns that found 1 copy, 2 copies | copies found, mean | seeds |\n| --- | ---: | --- | ---: | ---: | ---: | --- | ---: | ---: | ---: |";
  const text = [BEGIN, head, ...table.map(([, one]) => one), END].join("\n");
  writeFileSync(PAGE, page.slice(0, begin) + text + page.slice(end + END.length));
}
