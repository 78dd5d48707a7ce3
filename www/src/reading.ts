/** What a user's file says: its text, whatever it is encoded in, and of a web page what a reader sees. */
import { count } from "./words.js";

/** A text with the name that it goes by. */
export interface Doc {
  name: string;
  text: string;
}

/** Why a file cannot be read, in words for the user. */
export class Unreadable extends Error {}

/** Larger texts make a text area crawl, and reading them would take a worker hours. */
const LARGEST_FILE = 5e6;

/** Files that are no text, by how they begin. */
const OTHERS: [magic: string, advice: string][] = [
  ["%PDF-", "is a PDF: save it as text first"],
  ["PK\x03\x04", "is a Word file or another archive: save it as text first"],
];

/** What a page's elements end with: those that stand below each other, and cells beside each other. */
const BLOCKS = "address, article, aside, blockquote, br, dd, div, dl, dt, figcaption, footer, form, h1, h2, h3, h4, h5, h6, header, hr, li, main, ol, p, pre, section, table, tr, ul";

export async function readDoc(file: File): Promise<Doc> {
  const { name } = file;
  if (file.size > LARGEST_FILE) throw new Unreadable(`${name} is larger than this page reads (${count(LARGEST_FILE / 1e6)} MB).`);
  const bytes = new Uint8Array(await file.arrayBuffer().catch(() => {
    throw new Unreadable(`${name} cannot be read: it was moved or changed meanwhile.`);
  }));
  const beginning = String.fromCharCode(...bytes.subarray(0, 8));
  const other = OTHERS.find(([magic]) => beginning.startsWith(magic));
  if (other) throw new Unreadable(`${name} ${other[1]}.`);
  const text = decode(bytes);
  if (text.includes("\0")) throw new Unreadable(`${name} is not a plain text file.`);
  const isPage = file.type === "text/html" || /\.x?html?$/i.test(name);
  return { name, text: (isPage ? fromHtml(text) : text).replace(/\r\n?/g, "\n") };
}

/** By its byte order mark; else UTF-8, and where it is not that, what Windows wrote before. */
function decode(bytes: Uint8Array<ArrayBuffer>): string {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return new TextDecoder("utf-16le").decode(bytes);
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return new TextDecoder("utf-16be").decode(bytes);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder("windows-1252").decode(bytes);
  }
}

/** The part of Trusted Types that is used here: TypeScript's own library does not declare it. */
interface TrustedTypes {
  createPolicy(name: string, rules: { createHTML(html: string): string }): { createHTML(html: string): string };
}

/** Markup goes into templates, which are never shown and in which nothing runs. */
const inert = (globalThis as { trustedTypes?: TrustedTypes }).trustedTypes?.createPolicy("minions-page", { createHTML: (html) => html });

function fromHtml(html: string): string {
  const template = document.createElement("template");
  // Nothing of it would act, but a browser reports what the page's policy would forbid.
  const quiet = html.replace(/<[a-z][^>]*>/gi, (tag) => tag.replace(/(\s)(?=(?:style|on\w+)\s*=)/gi, "$1data-"));
  template.innerHTML = inert?.createHTML(quiet) ?? quiet;
  const page = template.content;
  for (const hidden of page.querySelectorAll("title, script, style, noscript, template")) hidden.remove();
  const written = [...page.querySelectorAll("pre, textarea")];
  const walker = document.createTreeWalker(page, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (!written.some((element) => element.contains(node))) node.nodeValue = (node.nodeValue ?? "").replace(/\s+/g, " ");
  }
  for (const cell of page.querySelectorAll("td, th")) cell.after("\t");
  for (const block of page.querySelectorAll(BLOCKS)) block.after("\n");
  const lines = (page.textContent ?? "").split("\n").map((line) => line.replace(/^ +|\s+$/g, ""));
  return lines.join("\n").replace(/\n{3,}/g, "\n\n").trim();
}
