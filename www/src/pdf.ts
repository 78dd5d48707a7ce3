/** What a PDF says, page by page, by pdf.js in a worker of its own. Loaded when there is one to read: it is large. */
import { PDFWorker, VerbosityLevel, getDocument, type PDFDocumentProxy } from "pdfjs-dist/legacy/build/pdf.mjs";
import workerUrl from "pdfjs-dist/legacy/build/pdf.worker.mjs?worker&url";
import { Unreadable, type Doc, type Watcher } from "./reading.js";
import { strings } from "./strings.js";
import { trusted } from "./trusted.js";

/** A page with fewer characters is a picture with a stamp or a number on it. */
const LEAST_CHARS = 10;
/** Lines that are further apart, in heights of a letter, belong to different paragraphs. */
const PARAGRAPH = 1.9;

const says = strings.reading;

export async function readPdf(name: string, data: Uint8Array<ArrayBuffer>, watcher: Watcher): Promise<Doc> {
  const isWhole = String.fromCharCode(...data.subarray(-2048)).includes("%%EOF");
  if (!isWhole) throw new Unreadable(says.cutShort(name));
  const port = new Worker(trusted.createScriptURL(workerUrl), { type: "module", name: "pdf.js" });
  try {
    const broken = new Promise<never>((_, reject) => {
      port.addEventListener("error", () => reject(new Unreadable(says.noReader(name))));
      const stop = () => reject(new Unreadable(says.stopped(name)));
      watcher.signal.addEventListener("abort", stop);
      // That may have been while this script was fetched.
      if (watcher.signal.aborted) stop();
    });
    const pages = await Promise.race([pagesOf(data, port, watcher), broken]);
    const empty = pages.filter((text) => text.replace(/\s/g, "").length < LEAST_CHARS).length;
    if (empty === pages.length) throw new Unreadable(says.scanned(name));
    // A form feed is how a text says where a page ends.
    return { name, text: pages.join("\n\n\f"), ...(empty ? { remark: says.partlyScanned(name, empty, pages.length) } : {}) };
  } catch (error) {
    throw error instanceof Unreadable ? error : new Unreadable(isLocked(error) ? says.locked(name) : says.damaged(name));
  } finally {
    port.terminate();
  }
}

async function pagesOf(data: Uint8Array<ArrayBuffer>, port: Worker, watcher: Watcher): Promise<string[]> {
  // Fonts are neither needed for the text nor fetched; what is wrong with a file is said by the page, not in the console.
  const task = getDocument({ data, worker: PDFWorker.create({ port }), stopAtErrors: true, useSystemFonts: true, useWasm: false, verbosity: VerbosityLevel.ERRORS });
  try {
    const pdf = await task.promise;
    const pages: string[] = [];
    for (let page = 1; page <= pdf.numPages; page++) {
      pages.push(await textOf(pdf, page));
      watcher.signal.throwIfAborted();
      watcher.onPage(page, pdf.numPages);
    }
    return pages;
  } finally {
    await task.destroy();
  }
}

/** A page's lines in the order in which the file has them, which is that of reading in all but odd files. */
async function textOf(pdf: PDFDocumentProxy, number: number): Promise<string> {
  const page = await pdf.getPage(number);
  const { items } = await page.getTextContent();
  let text = "";
  let line: number | undefined;
  for (const item of items) {
    if (!("str" in item)) continue;
    const [, , , height = 0, , y = 0] = item.transform as number[];
    if (item.str && text.endsWith("\n") && line !== undefined && Math.abs(line - y) > PARAGRAPH * Math.abs(height || item.height)) text += "\n";
    text += item.str;
    if (item.str) line = y;
    if (item.hasEOL) text += "\n";
  }
  page.cleanup();
  return text.replace(/[ \t]+$/gm, "").replace(/\n{3,}/g, "\n\n").trim();
}

const isLocked = (error: unknown): boolean => (error as Error).name === "PasswordException";
