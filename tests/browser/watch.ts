/** Looks for keys and words of documents wherever none may be: storage, the console, addresses, and what errors say. */
import { existsSync, readFileSync, statSync } from "node:fs";
import type { BrowserContext, Page } from "@playwright/test";

/** How every key and token of the tests begins. */
const KEY = /(sk-test-|hf_)[\w-]{6,}/;
/** Shorter sentences are anybody's. */
const LEAST_CHARS = 20;
/** Files larger than that are weights. */
const MOST_BYTES = 8 * 1024 * 1024;

/** The documents of the tests, by their lines and sentences. */
class Secrets {
  readonly sentences = new Set<string>();

  /** Notes that a text must be found nowhere. Returns it. */
  add(text: string): string {
    for (const sentence of text.split(/\n+|(?<=[.!?])\s+/)) {
      if (sentence.trim().length >= LEAST_CHARS) this.sentences.add(sentence.trim());
    }
    return text;
  }

  /** What a text holds of them, or of a key. */
  in(text: string): string | undefined {
    return KEY.exec(text)?.[0] ?? [...this.sentences].find((sentence) => text.includes(sentence));
  }
}

/** Something in a site's storage; of a request's answer in a cache, whose. */
interface Stored {
  place: string;
  text: string;
  url?: string;
}

/** Of all tests of this run. */
export const secrets = new Secrets();

/** Hears what a browser's pages and workers say, and looks through what they stored. */
export class Watch {
  readonly #context: BrowserContext;
  readonly #heard: [place: string, text: string][] = [];
  /** They answer nothing any more. */
  readonly #crashed = new Set<Page>();

  private constructor(context: BrowserContext) {
    this.#context = context;
  }

  /** Before the context's first page is opened. */
  static async over(context: BrowserContext): Promise<Watch> {
    const watch = new Watch(context);
    const hear = (place: string, text: string) => void watch.#heard.push([place, text]);
    context.on("console", (message) => hear("console", message.text()));
    context.on("weberror", (error) => hear("an uncaught error", error.error().stack ?? error.error().message));
    context.on("request", (request) => hear("an address", readable(request.url())));
    context.on("page", (page) => page.on("crash", () => watch.#crashed.add(page)));
    await context.exposeBinding("__told", (_, text: string) => hear("an error of the worker", text));
    await context.addInitScript(listenToWorkers);
    return watch;
  }

  /** Every place that holds what it may not, with a part of that. */
  async findings(origin: string): Promise<string[]> {
    const texts = [...this.#heard];
    for (const page of this.#context.pages()) {
      const isReadable = page.url().startsWith(origin) && !this.#crashed.has(page);
      const shown = isReadable ? await page.evaluate(shownBy) : [];
      texts.push(["an address", readable(page.url())], ...shown);
    }
    for (const { name, value } of await this.#context.cookies()) texts.push(["a cookie", `${name}=${value}`]);
    for (const { place, text, url } of await this.#stored(origin)) {
      if (url === undefined || !isBuilt(url, text)) texts.push([place, text]);
    }
    return texts.flatMap(([place, text]) => {
      const found = secrets.in(text);
      return found === undefined ? [] : [`${place}: ${found}`];
    });
  }

  /** Read by a page of its own, since those of the test may be closed, or busy. */
  async #stored(origin: string): Promise<Stored[]> {
    const page: Page = await this.#context.newPage();
    try {
      await page.goto(`${origin}/favicon.svg`);
      return await page.evaluate(storedBy, MOST_BYTES);
    } finally {
      await page.close();
    }
  }
}

/** Whether a text is the page's own file: one of them has the sample record in it. */
function isBuilt(url: string, text: string): boolean {
  const file = new URL(`../../www/dist${new URL(url).pathname}`, import.meta.url);
  return existsSync(file) && statSync(file).isFile() && readFileSync(file, "utf8") === text;
}

/** An address as it stands, and without its escapes. */
function readable(url: string): string {
  try {
    return `${url} ${decodeURIComponent(url.replaceAll("+", " "))}`;
  } catch {
    return url;
  }
}

/* The rest runs inside pages, so each function is whole in itself. */

/** Tells the errors that workers report: what the package throws is made of them. */
function listenToWorkers(): void {
  const { __told: tell } = globalThis as unknown as { __told(text: string): void };
  globalThis.Worker = class extends Worker {
    constructor(...args: ConstructorParameters<typeof Worker>) {
      super(...args);
      this.addEventListener("message", ({ data }) => {
        const { error, fatal } = (data ?? {}) as { error?: Error; fatal?: string };
        if (error || fatal) tell(`${fatal ?? ""} ${error?.message ?? ""} ${error?.stack ?? ""}`);
      });
    }
  };
}

/** What a page keeps besides its site's storage, and the errors that it shows. */
function shownBy(): [place: string, text: string][] {
  const errors = [...document.querySelectorAll<HTMLElement>(".error, [role=alert]")].map(({ innerText }) => innerText);
  return [
    ["sessionStorage", JSON.stringify(Object.entries(sessionStorage))],
    ["the history", `${JSON.stringify(history.state)} ${window.name}`],
    ["an error that is shown", errors.join("\n")],
  ];
}

/** Everything in the storage of a site. Of files that are a model's weights, only the names. */
async function storedBy(mostBytes: number): Promise<Stored[]> {
  const found: Stored[] = [{ place: "localStorage", text: JSON.stringify(Object.entries(localStorage)) }];

  const textOf = async (value: unknown): Promise<string> => {
    if (value instanceof Blob) return value.text();
    if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) return new TextDecoder().decode(value);
    if (typeof value !== "object" || value === null) return String(value);
    const parts = value instanceof Map || value instanceof Set ? [...value].flat() : Object.entries(value).flat();
    return (await Promise.all(parts.map(textOf))).join(" ");
  };
  const settled = <T>(request: IDBRequest<T>) =>
    new Promise<T>((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
  for (const { name } of await indexedDB.databases()) {
    const database = await settled(indexedDB.open(name!));
    for (const table of database.objectStoreNames) {
      const store = database.transaction(table).objectStore(table);
      const [keys, values] = await Promise.all([settled(store.getAllKeys()), settled(store.getAll())]);
      found.push({ place: "IndexedDB", text: `${name} ${table} ${await textOf([keys, values])}` });
    }
    database.close();
  }

  for (const name of await caches.keys()) {
    const cache = await caches.open(name);
    for (const request of await cache.keys()) {
      found.push({ place: "the Cache API", text: `${name} ${request.url}` });
      found.push({ place: "the Cache API", text: await (await cache.match(request))!.text(), url: request.url });
    }
  }

  const walk = async (folder: FileSystemDirectoryHandle): Promise<void> => {
    for await (const handle of (folder as unknown as { values(): AsyncIterable<FileSystemHandle> }).values()) {
      found.push({ place: "the name of a file", text: handle.name });
      if (handle.kind === "directory") await walk(handle as FileSystemDirectoryHandle);
      else {
        // A download that goes on changes its file while it is read; what it adds are weights.
        const file = await (handle as FileSystemFileHandle).getFile().catch(() => undefined);
        const isWeights = !file || file.size > mostBytes || (await file.slice(0, 4).text().catch(() => "GGUF")) === "GGUF";
        if (!isWeights) found.push({ place: "a file", text: await file.text().catch(() => "") });
      }
    }
  };
  await navigator.storage.getDirectory().then(walk).catch((error: DOMException) => {
    // Some tests' browsers give no storage.
    if (error.name !== "SecurityError") throw error;
  });
  return found;
}
