/** Writes stored files, in a worker: only there a browser lets a page write in place, and say when it must be on disk. */
import type { Line } from "./entry.js";
import { type Folder, patiently } from "./folder.js";

/** A `FileSystemSyncAccessHandle`: TypeScript's library has it for scripts of workers only. */
interface Access {
  getSize(): number;
  read(into: Uint8Array<ArrayBuffer>, options: { at: number }): number;
  write(bytes: Uint8Array<ArrayBuffer>, options: { at: number }): number;
  truncate(size: number): void;
  flush(): void;
  close(): void;
}

/** A stored file that grows. */
export class Writer {
  readonly #story: Access;
  readonly #data: Access;

  private constructor(story: Access, data: Access) {
    this.#story = story;
    this.#data = data;
  }

  /** Story before data: no data is ever without. */
  static async open(folder: Folder, key: string): Promise<Writer> {
    const story = await access(await folder.part(key, "story"));
    try {
      return new Writer(story, await access(await folder.part(key, "data")));
    } catch (error) {
      story.close();
      throw error;
    }
  }

  /** Begins anew. The old story goes first, then the data that it spoke of. */
  begin(line: Line): void {
    this.#story.truncate(0);
    this.#story.flush();
    this.#data.truncate(0);
    append(this.#story, line);
  }

  write(at: number, bytes: Uint8Array<ArrayBuffer>): void {
    const written = this.#data.write(bytes, { at });
    if (written < bytes.length) throw new DOMException("the disk is full", "QuotaExceededError");
  }

  read(start: number, end: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(end - start);
    if (this.#data.read(bytes, { at: start }) < bytes.length) {
      throw new DOMException("the stored file is too short", "NotReadableError");
    }
    return bytes;
  }

  /** Adds to the story what is true of the data as it stands. */
  note(line: Line): void {
    this.#data.flush();
    append(this.#story, line);
  }

  close(): void {
    this.#data.close();
    this.#story.close();
  }
}

/** Adds to the story of a file. */
export async function note(folder: Folder, key: string, line: Line): Promise<void> {
  const story = await access(await folder.part(key, "story"));
  try {
    append(story, line);
  } finally {
    story.close();
  }
}

/** Writes a small file anew. */
export async function overwrite(file: FileSystemFileHandle, text: string): Promise<void> {
  const all = await access(file);
  try {
    all.truncate(0);
    all.write(new TextEncoder().encode(text), { at: 0 });
    all.flush();
  } finally {
    all.close();
  }
}

/** Adds a line, over what may be left of one that was being written when all ended. */
function append(story: Access, line: Line): void {
  const old = new Uint8Array(story.getSize());
  story.read(old, { at: 0 });
  const at = old.lastIndexOf(0x0a) + 1;
  const bytes = new TextEncoder().encode(`${JSON.stringify(line)}\n`);
  story.truncate(at);
  if (story.write(bytes, { at }) < bytes.length) throw new DOMException("the disk is full", "QuotaExceededError");
  story.flush();
}

function access(file: FileSystemFileHandle): Promise<Access> {
  return patiently(() => (file as FileSystemFileHandle & { createSyncAccessHandle(): Promise<Access> }).createSyncAccessHandle());
}
