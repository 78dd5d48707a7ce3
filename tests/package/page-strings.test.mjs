// The page's words stand in www/src/strings alone, where a translator finds them.
import assert from "node:assert/strict";
import { readFile, readdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { root } from "./harness.mjs";

const www = join(root, "www");
const { parseSync } = await import(pathToFileURL(createRequire(join(www, "package.json")).resolve("vite")));

/** Where words may stand: the strings themselves, and samples, which are content. */
const isForWords = (path) => path.startsWith("strings/") || path === "samples.ts";

/** Attributes that are read, or read out. */
const ATTRIBUTES = /\s(?:alt|label|placeholder|title|aria-(?:label|description|placeholder|roledescription|valuetext))=(["'])(.*?)\1/gs;
const TAG = /<!--.*?-->|<[^>]*>/gs;

/** What stands in a template for `${…}`. */
const HOLE = "\u0000";

/** The words of markup: its text, and the attributes that people get to know. */
function wordsOfMarkup(markup) {
  const attributes = (markup.match(TAG) ?? []).flatMap((tag) => [...tag.matchAll(ATTRIBUTES)].map(([, , value]) => value));
  const texts = markup.replace(TAG, HOLE).split(HOLE);
  return [...texts, ...attributes].map((text) => text.replaceAll(HOLE, "").trim()).filter((text) => /\p{L}{2}/u.test(text));
}

/** Whether a string is something to read: two words, or one with a capital. Of a single small word nobody can tell. */
const isProse = (text) => /\p{L}{2} \p{L}{2}/u.test(text) || /^\p{Lu}\p{Ll}+[.…:]?$/u.test(text);

/** The words that stand in a script, apart from what only developers get to see: errors of the platform's classes. */
function* wordsIn(node) {
  if (Array.isArray(node)) return yield* node.flatMap((each) => [...wordsIn(each)]);
  if (!node || typeof node.type !== "string") return;
  if (node.type.startsWith("Import") || node.type.startsWith("TS")) return yield* wordsIn(node.expression);
  if (node.type === "NewExpression" && /^(Type)?Error$/.test(node.callee.name)) return;
  // What is compared or looked for is not shown.
  if (node.type === "BinaryExpression" && /^[!=]==$/.test(node.operator)) return;
  if (node.type === "CallExpression" && /^(includes|querySelector(All)?)$/.test(node.callee.property?.name)) return;
  if (node.type === "TaggedTemplateExpression" && node.tag.name === "html") {
    const { quasis, expressions } = node.quasi;
    yield* wordsOfMarkup(quasis.map(({ value }) => value.cooked).join(HOLE));
    return yield* wordsIn(expressions);
  }
  const text = node.type === "Literal" ? node.value : node.type === "TemplateElement" ? node.value.cooked : undefined;
  if (typeof text === "string" && isProse(text.trim())) yield text.trim();
  for (const child of Object.values(node)) if (typeof child === "object") yield* wordsIn(child);
}

const parse = (path, code) => {
  const { program, errors } = parseSync(path, code);
  assert.deepEqual(errors, [], path);
  return program;
};

test("the page's words stand among its strings", async () => {
  const src = join(www, "src");
  const paths = (await readdir(src, { recursive: true })).map((path) => path.replaceAll("\\", "/")).filter((path) => path.endsWith(".ts"));
  const found = [];
  const locales = [];
  for (const path of paths.filter((path) => !isForWords(path))) {
    const code = await readFile(join(src, path), "utf8");
    found.push(...[...wordsIn(parse(path, code))].map((text) => `${path}: ${text}`));
    if (/\bIntl\.|\.toLocale/.test(code)) locales.push(path);
  }
  assert.ok(paths.length > 30 && paths.includes("strings/en.ts"));
  assert.deepEqual(found, []);
  assert.deepEqual(locales, [], "the strings' language writes numbers and dates");
});

test("words are found wherever they stand", () => {
  const find = (code) => [...wordsIn(parse("view.ts", code))];
  assert.deepEqual(find("html`<p class='a note'>${name} was read</p>`"), ["was read"]);
  assert.deepEqual(find('html`<a title="Show ${it}" aria-describedby="the-hint">×</a>`'), ["Show"]);
  assert.deepEqual(find('html`<p>${is ? "Running" : nothing}</p>`'), ["Running"]);
  assert.deepEqual(find('field({ label: "Base URL", id: "base-url" })'), ["Base URL"]);
  assert.deepEqual(find("this.text = `The run failed: ${why}` as string"), ["The run failed:"]);
  assert.deepEqual(find('if (key === "Enter") throw new TypeError(`${key} is not known`)'), []);
});
