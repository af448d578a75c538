// Writes docs/api.md, the API reference, from the types that npm publishes.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { npmPackages } from "./setup.js";
import { isCommand, root, runMain, say } from "./steps.js";

await npmPackages();
const { default: ts } = await import("typescript");

/** The reference as Markdown. */
export function apiReference() {
  const main = declarations("index.d.ts");
  const worker = declarations("worker.d.ts");
  const first = FIRST.map((name) => main.find((one) => one.name === name));
  const ordered = [...first, ...main.filter((one) => !first.includes(one))];
  return [
    "# API reference",
    "",
    "Written by `npm run docs` from [`www/nara/index.d.ts`](../www/nara/index.d.ts) and [`worker.d.ts`](../www/nara/worker.d.ts): change those. Times are milliseconds since the Unix epoch unless a name says otherwise, bytes are `Uint8Array`s.",
    "",
    `**\`light-nara\`**: ${ordered.map((one) => `[${one.name}](#${anchor(one)})`).join(", ")}.`,
    "",
    `**\`light-nara/worker\`**: ${worker.map((one) => `[${one.name}](#${anchor(one)})`).join(", ")}.`,
    "",
    "# light-nara",
    ...ordered.flatMap(section),
    "",
    "# light-nara/worker",
    "",
    "`NaraError` and every type of `light-nara` are here, too.",
    ...worker.flatMap(section),
    "",
  ].join("\n");
}

/** What a file exports, each with its words and its rows. */
function declarations(file) {
  const text = readFileSync(join(root, "www", "nara", file), "utf8");
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const place = file === "index.d.ts" ? "" : " in a worker";
  return source.statements
    .filter((node) => node.name !== undefined && node.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword))
    .map((node) => ({ name: node.name.text, title: title(node) + place, words: [words(node), heritage(node)].filter(Boolean).join(" "), rows: rows(node), code: code(node) }));
}

function section({ title, words, rows, code }) {
  const table = rows.map(([name, said]) => `| \`${cell(name)}\` | ${cell(said)} |`);
  return [
    "",
    `## ${title}`,
    ...(words === "" ? [] : ["", words]),
    ...(code === "" ? [] : ["", "```ts", code, "```"]),
    ...(table.length === 0 ? [] : ["", "| | |", "| --- | --- |", ...table]),
  ];
}

function title(node) {
  const kind = { [ts.SyntaxKind.ClassDeclaration]: "class", [ts.SyntaxKind.InterfaceDeclaration]: "interface", [ts.SyntaxKind.FunctionDeclaration]: "function" };
  return `${kind[node.kind] ?? "type"} ${node.name.text}`;
}

/** What it is more than, as words. */
function heritage(node) {
  const [clause] = node.heritageClauses ?? [];
  return clause === undefined ? "" : `Extends \`${oneLine(clause.types.map((type) => type.getText()).join(", "))}\`.`;
}

/** A function or type in full; what has rows needs none. */
function code(node) {
  if (rows(node).length > 0) return "";
  return node.getText().replace(/^export (declare )?/, "");
}

function rows(node) {
  if (ts.isClassDeclaration(node) || ts.isInterfaceDeclaration(node)) return members(node, "");
  if (ts.isTypeAliasDeclaration(node) && ts.isUnionTypeNode(node.type) && node.type.types.every(isNamed)) {
    return node.type.types.map((one) => [one.getText(), trailing(one)]);
  }
  return [];
}

/** One row for each member, and below it one for each member of an object that it has. */
function members(node, prefix) {
  return node.members.flatMap((member) => {
    if (ts.isConstructorDeclaration(member) && member.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.PrivateKeyword)) return [];
    const object = ts.isPropertySignature(member) ? objectOf(member.type) : null;
    if (object === null) return [[prefix + oneLine(member.getText()), words(member)]];
    const name = member.name.getText() + (member.questionToken ? "?" : "");
    const around = oneLine(member.type.getText().replace(object.getText(), "{…}"));
    return [[`${prefix}${name}: ${around}`, words(member)], ...members(object, `${prefix}${name.replace("?", "?.").replace(/[^.]$/, "$&.")}`)];
  });
}

/** The one object literal inside a type, such as that of \`Array<PeerName & {…}>\`. */
function objectOf(type) {
  if (type === undefined || ts.isFunctionTypeNode(type)) return null;
  if (ts.isTypeLiteralNode(type)) return type.members.every((member) => ts.isPropertySignature(member) || ts.isMethodSignature(member)) ? type : null;
  const inner = [...(type.typeArguments ?? []), ...(type.types ?? []), ...(type.elementType ? [type.elementType] : [])];
  return inner.map(objectOf).find((one) => one !== null) ?? null;
}

/** The comment before a declaration, as one paragraph for each of its own. */
function words(node) {
  return (node.jsDoc ?? [])
    .map(({ comment }) => (typeof comment === "string" ? comment : ts.getTextOfJSDocComment(comment)) ?? "")
    .join("\n\n")
    .split(/\n\s*\n/)
    .map(oneLine)
    .join("\n\n");
}

/** The comment behind a member of a union, on its line. */
function trailing(node) {
  const text = node.getSourceFile().text;
  return /^[;\s]*\/\/ ?(.*)/.exec(text.slice(node.end, text.indexOf("\n", node.end)))?.[1] ?? "";
}

function isNamed(node) {
  return ts.isLiteralTypeNode(node) && trailing(node) !== "";
}

function oneLine(text) {
  return text.replace(/\/\*\*[^]*?\*\/\s*/g, "").replace(/;$/, "").replace(/\s+/g, " ").replace(/, \)/g, ")").replace(/([(<]) | (?=>)/g, "$1").trim();
}

function cell(text) {
  return text.replace(/\|/g, "\\|").replace(/\n\n/g, "<br>");
}

function anchor({ title }) {
  return title.toLowerCase().replaceAll(" ", "-");
}

/** What a reader looks for first. */
const FIRST = ["Nara", "WakeOptions", "Stash", "OperationOptions", "NaraEvents", "Status", "NaraError", "NaraErrorCode", "init"];
export const API_PAGE = join(root, "docs", "api.md");

if (isCommand(import.meta.url)) {
  await runMain(() => {
    writeFileSync(API_PAGE, apiReference());
    say("docs/api.md is written");
  });
}
