/**
 * Where cited words stand in a text. As the protocol compares (`minions-protocol/src/citation.rs`): blank space, quotation marks,
 * capitals and the hyphens of lines' ends do not count, and an ellipsis stands for anything between.
 */
import type { Doc } from "./reading.js";

/** A part of a text, in UTF-16 units. */
export interface Range {
  start: number;
  end: number;
}

/** A part of a document. */
export interface Place extends Range {
  document: Doc;
}

/** Shorter words stand anywhere, and so do fewer, where they are not the whole reply. */
const LEAST_CHARS = 12;
const LEAST_WORDS = 5;

/** A piece of the document that a job read, by its bytes in UTF-8, and what it cites. */
export interface Citation {
  document?: number;
  range: Range;
  quote?: string;
}

/** Where a citation stands: its quote, or else the whole chunk. Nowhere, if it was drawn from earlier answers. */
export function placeOf({ document: number, range, quote }: Citation, documents: readonly Doc[]): Place | undefined {
  const document = number === undefined ? undefined : documents[number - 1];
  if (!document) return undefined;
  const start = utf16(document.text, range.start);
  const chunk = document.text.slice(start, utf16(document.text, range.end));
  const found = (quote && find(quote, fold(chunk))) || trimmed(chunk);
  return { document, start: start + found.start, end: start + found.end };
}

/** Where a document has the words of a reply: all of them, or what it quotes, or else the most that follow each other. */
export function quotedIn(reply: string, documents: readonly Doc[]): Place | undefined {
  const quoted = [...reply.matchAll(/["“«](.+?)["”»]/gsu)].map(([, words]) => words!);
  const folded = documents.map((document) => ({ document, within: foldOf(document) }));
  for (const words of [reply, ...quoted].filter((words) => words.trim().length >= LEAST_CHARS)) {
    for (const { document, within } of folded) {
      const found = find(words, within);
      if (found) return { document, ...found };
    }
  }
  const runs = folded.map(({ document, within }) => ({ document, within, run: longestRun(reply, within.text) }));
  const { document, within, run } = runs.reduce((best, other) => (other.run.length > best.run.length ? other : best));
  const found = run.length >= LEAST_WORDS ? find(run.join(" "), within) : undefined;
  return found && { document, ...found };
}

const foldedDocuments = new WeakMap<Doc, Folded>();

/** A document in the form in which it is compared, made once for all replies. */
function foldOf(document: Doc): Folded {
  const folded = foldedDocuments.get(document) ?? fold(document.text);
  foldedDocuments.set(document, folded);
  return folded;
}

/** The most words of a reply that follow each other in a text as well. */
function longestRun(reply: string, text: string): string[] {
  const words = fold(reply).text.split(" ");
  let longest: string[] = [];
  for (let [from, to] = [0, 1]; to <= words.length; to++) {
    while (from < to && !text.includes(words.slice(from, to).join(" "))) from++;
    if (to - from > longest.length) longest = words.slice(from, to);
  }
  return longest;
}

/** Where a text has these words; `undefined` if nowhere. */
function find(words: string, within: Folded): Range | undefined {
  let found: Range | undefined;
  for (const part of fold(words).text.split("...")) {
    const piece = part.replace(/^[ '.,;:!?[\]()*-]+|[ '.,;:!?[\]()*-]+$/g, "");
    if (!piece) continue;
    const start = within.text.indexOf(piece, found?.end ?? 0);
    if (start < 0) return undefined;
    found = { start: found?.start ?? start, end: start + piece.length };
  }
  return found && { start: within.starts[found.start]!, end: within.ends[found.end - 1]! };
}

/** A text in the form in which it is compared, and for each of its units what it stands for. */
interface Folded {
  text: string;
  starts: number[];
  ends: number[];
}

const INVISIBLE = /[\u00ad\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]/;
const DASH = /[-\u2010-\u2015\u2212\ufe58\ufe63\uff0d]/;
const LETTER = /\p{Alphabetic}/u;
const QUOTE = /["`´«»‘-‟′″‹›]/;
const ALIASES: Record<string, string> = { "…": "...", ﬀ: "ff", ﬁ: "fi", ﬂ: "fl", ﬃ: "ffi", ﬄ: "ffl", ς: "σ" };

function fold(text: string): Folded {
  const pieces: string[] = [];
  const starts: number[] = [];
  const ends: number[] = [];
  const push = (piece: string, start: number, end: number) => {
    pieces.push(piece);
    for (let unit = 0; unit < piece.length; unit++) starts.push(start), ends.push(end);
  };
  let gap: Range | undefined;
  let holdsDash = false;
  let last = "";
  let end = 0;
  for (const char of text) {
    const start = end;
    end += char.length;
    if (INVISIBLE.test(char)) continue;
    const isDash = DASH.test(char);
    if (isDash || /\s/.test(char)) {
      gap = { start: gap?.start ?? start, end };
      holdsDash ||= isDash;
      continue;
    }
    const folded = QUOTE.test(char) ? "'" : (ALIASES[char] ?? char.toLowerCase());
    const between = gap && last ? foldGap(last, holdsDash, folded[0]!) : "";
    if (gap && between) push(between, gap.start, gap.end);
    push(folded, start, end);
    [gap, holdsDash, last] = [undefined, false, folded];
  }
  return { text: pieces.join(""), starts, ends };
}

/** What stands for the blank space and dashes between two characters: of a dash between letters nothing. */
function foldGap(before: string, holdsDash: boolean, after: string): string {
  if (holdsDash) return LETTER.test(before) && LETTER.test(after) ? "" : "-";
  return before.endsWith(".") && after === "." ? "" : " ";
}

/** A place that is given in bytes of UTF-8. */
function utf16(text: string, byte: number): number {
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(byte));
  return read;
}

function trimmed(text: string): Range {
  return { start: text.length - text.trimStart().length, end: text.trimEnd().length };
}
