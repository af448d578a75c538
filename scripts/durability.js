// How often a memory is lost: `npm run durability -- [--owner-days N] [--seed S] [--threads T] [--mix ID] [--json]`.
// Simulated by tests/durability. Each seed's line is kept in target/durability.jsonl as it is done, and the
// rows are written into docs/reliability.md; a run goes on from the lines that are there.
import { spawn } from "node:child_process";
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { StepError, environment, root, run, runMain, say } from "./steps.js";

const PAGE = join(root, "docs", "reliability.md");
const LINES = join(root, "target", "durability.jsonl");
const [BEGIN, END] = ["<!-- durability -->", "<!-- /durability -->"];
const PROGRAM = join(root, "target", "durability", "examples", "durability");
const OWNER_DAYS = "300";
const HEAD = "| peers | owners for each | copies | owner-days | absences | lost | lost in 1,000 owner-days (95%) | returns that found 1 copy, 2 copies | copies found, mean | messages in an owner-day | seeds |\n| --- | ---: | --- | ---: | ---: | ---: | --- | ---: | ---: | ---: | ---: |";

await runMain(async () => {
  const words = process.argv.slice(2);
  const isJson = words.includes("--json");
  const options = words.filter((word) => word !== "--json");
  if (!options.includes("--owner-days")) options.push("--owner-days", OWNER_DAYS);
  if (!options.includes("--threads")) options.push("--threads", String(availableParallelism()));
  if (!isJson) say(`days of owners and peers; ${OWNER_DAYS} owner-days of every mix are some 40 minutes of one core`);
  await run("compile the simulation", "cargo", ["build", "--quiet", "--locked", "--profile", "durability", "--example", "durability"]);
  const done = existsSync(LINES) ? readFileSync(LINES, "utf8").trim().split("\n").map((line) => JSON.parse(line)) : [];
  const seen = new Set(done.map(({ mix, seed }) => `${mix} ${seed}`));
  mkdirSync(dirname(LINES), { recursive: true });
  if (seen.size > 0) options.push("--done", [...seen].map((one) => one.replace(" ", ":")).join(","));
  await simulate(options, (text) => {
    const one = JSON.parse(text);
    appendFileSync(LINES, `${text}\n`);
    done.push(one);
    write(sums(done));
    const { ownerDays, lost, notGiven } = sums(done).find(({ mix }) => mix === one.mix);
    if (!isJson) say(`  ${one.mix}, seed ${one.seed}: ${one.seconds.toFixed(0)} s of processor; ${lost + notGiven} lost in ${ownerDays.toFixed(0)} owner-days so far`);
  });
  const rows = sums(done);
  if (rows.length === 0) throw new StepError("no mix was simulated");
  write(rows);
  rows.forEach((row) => say(isJson ? JSON.stringify(row) : line(row)));
  const broken = rows.filter(isBroken);
  say(broken.length === 0 ? "no mix is seen to lose more than was promised" : `not as promised: ${broken.map(({ mix }) => mix).join(", ")}`);
  const unsure = rows.filter((row) => row.limit > 0 && !isBroken(row) && rateAtMost(row) > row.limit);
  if (unsure.length > 0) say(`too few owner-days to be sure, with 95% confidence: ${unsure.map(({ mix }) => mix).join(", ")}`);
  if (broken.length > 0) process.exitCode = 1;
});

/** Runs the program, and gives each line of it as it comes. */
async function simulate(options, onLine) {
  const child = spawn(PROGRAM, options, { env: environment, stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise((resolve, reject) => child.on("error", reject).on("close", resolve));
  for await (const text of createInterface({ input: child.stdout })) onLine(text);
  if ((await ended) !== 0) throw new StepError("the simulation failed");
}

/** A row for each mix: the sums over its seeds. */
function sums(lines) {
  const rows = new Map();
  for (const one of lines) {
    const row = rows.get(one.mix) ?? { ...one, seeds: [], ownerDays: 0, absences: 0, lost: 0, notGiven: 0, unsaved: 0, foundOne: 0, foundTwo: 0, copies: 0, messages: 0, seconds: 0 };
    for (const name of ["ownerDays", "absences", "lost", "notGiven", "unsaved", "foundOne", "foundTwo", "copies", "messages", "seconds"]) row[name] += one[name];
    row.seeds.push(one.seed);
    rows.set(one.mix, row);
  }
  return [...rows.values()];
}

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
    Math.round(row.ownerDays).toLocaleString("en"),
    row.absences.toLocaleString("en"),
    row.lost + row.notGiven,
    `${number(rate(row))} (at most ${number(rateAtMost(row))})${row.limit === null ? "" : `, promised ${row.limit}`}`,
    `${row.foundOne}, ${row.foundTwo}`,
    (row.copies / Math.max(1, row.absences)).toFixed(1),
    Math.round(row.messages / row.ownerDays).toLocaleString("en"),
    `${Math.min(...row.seeds)} to ${Math.max(...row.seeds)}`,
  ];
  return `| ${cells.join(" | ")} |`;
}

/** Puts the rows of these mixes in the place of older ones that had fewer owner-days. */
function write(rows) {
  const page = readFileSync(PAGE, "utf8");
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin < 0 || end < begin) throw new StepError(`${PAGE} has no ${BEGIN} … ${END}`);
  const [, , ...older] = page.slice(begin + BEGIN.length, end).trim().split("\n");
  const key = (text) => text.split("|").slice(1, 4).join("|");
  const ownerDays = (text) => Number(text.split("|")[4].replaceAll(",", ""));
  // Rows of an older form go.
  const fits = (text) => text.split("|").length === HEAD.split("\n")[0].split("|").length;
  const table = older.filter(fits).map((text) => [key(text), text]);
  for (const text of rows.map(line)) {
    const place = table.findIndex(([one]) => one === key(text));
    if (place >= 0 && ownerDays(table[place][1]) > ownerDays(text)) continue;
    if (place < 0) table.push([key(text), text]);
    else table[place] = [key(text), text];
  }
  const text = [BEGIN, HEAD, ...table.map(([, one]) => one), END].join("\n");
  writeFileSync(PAGE, page.slice(0, begin) + text + page.slice(end + END.length));
}
