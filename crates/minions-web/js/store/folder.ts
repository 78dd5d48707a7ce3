/**
 * The folder in the browser's private file system (OPFS) where files of models are kept: for each its data, and its story
 * (`entry.ts`). Whoever changes a file holds its lock, so that tabs do not get in each other's way.
 */
import { type Entry, expectedBytes, parse } from "./entry.js";

const FOLDER = "minions-web";
const DATA = ".data";
const STORY = ".index";
/** What is noted beside the files: a load that is under way (`attempt.ts`), and how fast a model was (`speed.ts`). */
const NOTES = { attempt: ".attempt", speed: ".speed" };
type Kind = keyof typeof NOTES;

/** The end of a tab frees its locks a moment before its files. */
const OPEN_TRIES = 50;
const OPEN_REST_MS = 100;

/** An entry and the key that it is found by. */
export interface Found {
  key: string;
  entry: Entry;
  /** Bytes that it takes. */
  bytes: number;
}

/** An address as it may be stored and shown: without query, credentials and fragment. */
export function plain(url: string): string {
  const { origin, pathname } = new URL(url);
  return origin + pathname;
}

/** The key of the file at an address. The query counts, but cannot be read out of it. */
export async function keyOf(url: string): Promise<string> {
  const { origin, pathname, search } = new URL(url);
  return digestOf(origin + pathname + search);
}

/** A name for what must not be readable in names of files. */
export async function digestOf(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return [...new Uint8Array(digest).subarray(0, 16)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

export class Folder {
  readonly #handle: FileSystemDirectoryHandle;

  private constructor(handle: FileSystemDirectoryHandle) {
    this.#handle = handle;
  }

  /** Nothing where the browser gives no storage: in some browsers' private mode, on insecure pages, in sandboxes. */
  static async open(): Promise<Folder | undefined> {
    try {
      if (!navigator.locks) return undefined;
      const root = await navigator.storage.getDirectory();
      return new Folder(await root.getDirectoryHandle(FOLDER, { create: true }));
    } catch {
      return undefined;
    }
  }

  /** Does `work` while nobody else changes the file; tells if it has to wait. */
  async exclusively<T>(key: string, signal: AbortSignal, onWait: () => void, work: () => Promise<T>): Promise<T> {
    const attempt = await this.ifFree(key, work);
    if (attempt) return attempt.result;
    onWait();
    return (await navigator.locks.request(lockOf(key), { signal }, work)) as T;
  }

  /** Does `work` if nobody else is changing the file. */
  async ifFree<T>(key: string, work: () => Promise<T>): Promise<{ result: T } | undefined> {
    return navigator.locks.request(lockOf(key), { ifAvailable: true }, async (lock) => {
      return lock ? { result: await work() } : undefined;
    });
  }

  /** All files of use. What is damaged, or was left behind before its first piece was there, is removed. */
  async list(): Promise<Found[]> {
    const keys = new Set<string>();
    for await (const name of this.#handle.keys()) {
      if (!Object.values(NOTES).some((note) => name.endsWith(note))) keys.add(name.slice(0, name.lastIndexOf(".")));
    }
    const all: Found[] = [];
    for (const key of keys) {
      const found = await this.find(key);
      if (found) all.push(found);
      else await this.ifFree(key, async () => (await this.find(key)) ?? (await this.remove(key)));
    }
    return all;
  }

  /** What is there of a file, if that is anything and the data is as long as its story says. */
  async find(key: string, tries = 10): Promise<Found | undefined> {
    try {
      const entry = parse(await (await this.#file(key + STORY)).text());
      if (!entry || (entry.pieces.size === 0 && entry.sha256 === null)) return undefined;
      const { size: bytes } = await this.#file(key + DATA);
      const expected = expectedBytes(entry);
      const fits = entry.sha256 === null ? bytes >= expected : bytes === expected;
      return fits ? { key, entry, bytes } : undefined;
    } catch (error) {
      // Another tab wrote to it between the opening and the reading.
      const isChanging = (error as DOMException).name === "NotReadableError" && tries > 0;
      return isChanging ? this.find(key, tries - 1) : undefined;
    }
  }

  /** A file's data as it is now. */
  data(key: string): Promise<File> {
    return this.#file(key + DATA);
  }

  /** Data before story: what has no data is no entry. */
  async remove(key: string): Promise<void> {
    for (const name of [key + DATA, key + STORY]) await this.#removeFile(name);
  }

  /** Where to write a file's story, or its data. */
  part(key: string, part: "story" | "data"): Promise<FileSystemFileHandle> {
    return this.#handle.getFileHandle(key + (part === "story" ? STORY : DATA), { create: true });
  }

  /** What was noted. */
  note(kind: Kind, key: string): Promise<string | undefined> {
    return this.#file(key + NOTES[kind]).then(
      (file) => file.text(),
      () => undefined,
    );
  }

  /** Where to note it. */
  noteFile(kind: Kind, key: string): Promise<FileSystemFileHandle> {
    return this.#handle.getFileHandle(key + NOTES[kind], { create: true });
  }

  removeNote(kind: Kind, key: string): Promise<void> {
    return this.#removeFile(key + NOTES[kind]);
  }

  async #removeFile(name: string): Promise<void> {
    await patiently(() => this.#handle.removeEntry(name)).catch((error: DOMException) => {
      if (error.name !== "NotFoundError") throw error;
    });
  }

  async #file(name: string): Promise<File> {
    return (await this.#handle.getFileHandle(name)).getFile();
  }
}

/** Waits for a file that somebody is about to let go of. */
export async function patiently<T>(open: () => Promise<T>): Promise<T> {
  for (let left = OPEN_TRIES; ; left--) {
    try {
      return await open();
    } catch (error) {
      if (left === 0 || (error as DOMException).name !== "NoModificationAllowedError") throw error;
      await new Promise((resolve) => setTimeout(resolve, OPEN_REST_MS));
    }
  }
}

const lockOf = (key: string) => `${FOLDER}/${key}`;
