/** What a user's file says: its text, whatever it is encoded in, and of a web page what a reader sees. */
import { strings } from "./strings.js";
import { trusted } from "./trusted.js";

/** A text with the name that it goes by. */
export interface Doc {
  name: string;
  text: string;
  /** What a reader has to know of how it was read. */
  remark?: string;
}

/** Why a file cannot be read, in words for the user. */
export class Unreadable extends Error {}

/** Larger texts make a text area crawl, and reading them would take a worker hours. */
const LARGEST_TEXT = 5e6;
/** A PDF is mostly fonts and pictures; it is held in memory whole. */
const LARGEST_PDF = 100e6;

/** What a page's elements end with: those that stand below each other, and cells beside each other. */
const BLOCKS = "address, article, aside, blockquote, br, dd, div, dl, dt, figcaption, footer, form, h1, h2, h3, h4, h5, h6, header, hr, li, main, ol, p, pre, section, table, tr, ul";

const says = strings.reading;

/** For files that take longer: who hears how far it is, and who may stop it. */
export interface Watcher {
  onPage(done: number, total: number): void;
  signal: AbortSignal;
}

/** A file's text; throws `Unreadable`. */
export async function readDoc(file: File, watcher: Watcher): Promise<Doc> {
  const { name } = file;
  const beginning = String.fromCharCode(...(await bytesOf(file, 1024)));
  const isPdf = beginning.includes("%PDF-");
  const largest = isPdf ? LARGEST_PDF : LARGEST_TEXT;
  if (file.size > largest) throw new Unreadable(says.tooLarge(name, largest / 1e6));
  if (beginning.startsWith("PK\x03\x04")) throw new Unreadable(says.archive(name));
  const bytes = await bytesOf(file, file.size);
  if (isPdf) {
    const { readPdf } = await import("./pdf.js").catch(() => {
      throw new Unreadable(says.noReader(name));
    });
    const doc = await readPdf(name, bytes, watcher);
    if (doc.text.length > LARGEST_TEXT) throw new Unreadable(says.tooMuchText(name, LARGEST_TEXT / 1e6));
    return doc;
  }
  const text = decode(bytes);
  if (text.includes("\0")) throw new Unreadable(says.notText(name));
  const isPage = file.type === "text/html" || /\.x?html?$/i.test(name);
  return { name, text: (isPage ? fromHtml(text) : text).replace(/\r\n?/g, "\n") };
}

async function bytesOf(file: File, most: number): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await file.slice(0, most).arrayBuffer().catch(() => {
    throw new Unreadable(says.changed(file.name));
  }));
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

function fromHtml(html: string): string {
  const template = document.createElement("template");
  // Nothing of it would act, but a browser reports what the page's policy would forbid.
  const quiet = html.replace(/<[a-z][^>]*>/gi, (tag) => tag.replace(/(\s)(?=(?:style|on\w+)\s*=)/gi, "$1data-"));
  template.innerHTML = trusted.createHTML(quiet);
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
