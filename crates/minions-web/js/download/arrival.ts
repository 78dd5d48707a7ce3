/** The bytes of a file as they arrive, piece by piece: in the store if there is one and room in it, else in memory. */
import { Stored } from "../readable.js";
import { type Beginning, type Entry, PIECE_BYTES, begin } from "../store/entry.js";
import type { Folder } from "../store/folder.js";
import { Writer } from "../store/writer.js";
import type { Source } from "./inflight.js";
import { Memory } from "./memory.js";
import type { Range, Version } from "./request.js";

/** Where a file is kept. */
export interface Shelf {
  folder: Folder;
  key: string;
  /** What its story says of where it comes from. */
  from: Pick<Beginning, "url" | "model" | "name">;
}

export class Arrival implements Source {
  /** Which state of the file this is; nothing before the server was heard. */
  version: Version | undefined;
  edition = 0;
  isResumed = false;
  /** The piece that somebody waits for. */
  wanted = 0;
  readonly #onChange: () => void;
  #shelf: Shelf | undefined;
  #writer: Writer | undefined;
  #memory = new Memory();
  /** How many bytes of each piece are there. */
  #filled: number[] = [];
  /** Pieces that the next load need not fetch. */
  #kept = 0;
  /** Whether the server gives pieces at all. */
  #isInPieces = false;
  #removal: Promise<void> | undefined;
  #isClosed = false;
  /** The file, once all of it is there. */
  #whole: Promise<Stored> | undefined;

  private constructor(shelf: Shelf | undefined, onChange: () => void) {
    this.#shelf = shelf;
    this.#onChange = onChange;
  }

  /** Goes on with what the store has of a file; without a shelf, nothing is stored. */
  static async resume(shelf: Shelf | undefined, entry: Entry | undefined, onChange: () => void): Promise<Arrival> {
    const arrival = new Arrival(shelf, onChange);
    if (!entry || !(await arrival.#open())) return arrival;
    const { size, validator, pieces } = entry;
    arrival.version = { size, validator };
    for (const piece of pieces) arrival.#filled[piece] = arrival.#range(piece).end - piece * PIECE_BYTES;
    arrival.#kept = pieces.size;
    arrival.#isInPieces = true;
    arrival.isResumed = true;
    return arrival;
  }

  /** In pieces, servers tell the file's own length; else it may be what it has in transit, compressed. */
  get size(): number | undefined {
    if (this.#whole) return this.loaded;
    return (this.#isInPieces && this.version?.size) || undefined;
  }

  /** Whether what arrives is stored. */
  get isStored(): boolean {
    return this.#writer !== undefined;
  }

  /** How many bytes are there. */
  get loaded(): number {
    return this.#filled.reduce((sum, bytes) => sum + bytes, 0);
  }

  /** Up to where everything is there. */
  get contiguous(): number {
    let end = 0;
    for (let piece = 0; end === piece * PIECE_BYTES; piece++) {
      const filled = this.#filled[piece] ?? 0;
      if (filled === 0) break;
      end += filled;
    }
    return end;
  }

  /** Forgets what is there. */
  reset(): void {
    this.edition++;
    this.isResumed = false;
    this.version = undefined;
    this.#kept = 0;
    this.#filled = [];
    this.#memory.clear();
    this.#onChange();
  }

  /** A file begins. */
  async begin(version: Version, isInPieces: boolean): Promise<void> {
    this.reset();
    this.version = version;
    this.#isInPieces = isInPieces;
    if (!this.#shelf || !(this.#writer ?? (await this.#open()))) return;
    const { from } = this.#shelf;
    this.#store((writer) => writer.begin(begin({ ...from, ...version })));
    if (!(await hasRoom(version.size ?? 0))) this.#leaveStore();
  }

  want(start: number): void {
    this.wanted = Math.floor(start / PIECE_BYTES);
  }

  /** What a piece lacks. */
  rest(piece: number): Range {
    const { start, end } = this.#range(piece);
    return { start: start + (this.#filled[piece] ?? 0), end };
  }

  /** The pieces that lack something. */
  missing(): number[] {
    const pieces = Array.from({ length: Math.ceil((this.version?.size ?? 0) / PIECE_BYTES) }, (_, piece) => piece);
    return pieces.filter((piece) => this.#filled[piece] !== this.#range(piece).end - piece * PIECE_BYTES);
  }

  /** Takes in what comes next of a piece, and of those after it if there is more. */
  write(piece: number, bytes: Uint8Array<ArrayBuffer>): void {
    for (let taken = 0; taken < bytes.length; piece++) {
      const { start, end } = this.rest(piece);
      const part = bytes.subarray(taken, taken + end - start);
      if (part.length === 0) throw new RangeError("more bytes than the file has");
      this.#store((writer) => writer.write(start, part));
      if (!this.#writer) this.#memory.add(piece, part);
      this.#filled[piece] = (this.#filled[piece] ?? 0) + part.length;
      taken += part.length;
      if (start + part.length === end) this.#finish(piece);
    }
    this.#onChange();
  }

  has(start: number, end: number): boolean {
    if (this.#whole) return true;
    return !this.#isClosed && this.rest(Math.floor(start / PIECE_BYTES)).start >= end;
  }

  /** Reads what is there, at most to the end of the piece in which it begins. */
  async read(start: number, end: number): Promise<Uint8Array> {
    const piece = Math.floor(start / PIECE_BYTES);
    const base = piece * PIECE_BYTES;
    const to = Math.min(end, base + PIECE_BYTES);
    if (this.#whole) return (await this.#whole).read(start, to);
    return this.#writer ? this.#writer.read(start, to) : this.#memory.read(piece, start - base, to - base);
  }

  /** The file, all of which is there. */
  complete(sha256: string): Promise<Blob> {
    const blob = this.#toBlob(sha256);
    this.#whole = blob.then((blob) => new Stored(blob));
    this.#whole.catch(() => {});
    this.#onChange();
    return blob;
  }

  /** Lets go of the file. What is stored of it stays for the next load, if that can use it. */
  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#kept === 0) this.#leaveStore();
    this.#writer?.close();
    this.#writer = undefined;
    await this.#removal;
  }

  async #toBlob(sha256: string): Promise<Blob> {
    const size = this.loaded;
    this.#store((writer) => writer.note({ size, sha256 }));
    if (!this.#shelf || !this.#writer) return this.#memory.whole();
    this.#kept++;
    await this.close();
    return this.#shelf.folder.data(this.#shelf.key);
  }

  #range(piece: number): Range {
    const start = piece * PIECE_BYTES;
    return { start, end: Math.min(start + PIECE_BYTES, this.version?.size ?? Infinity) };
  }

  #finish(piece: number): void {
    if (this.#isInPieces) {
      this.#store((writer) => writer.note({ piece }));
      this.#kept++;
    }
    if (!this.#writer) this.#memory.finish(piece);
  }

  async #open(): Promise<Writer | undefined> {
    try {
      if (this.#shelf) this.#writer = await Writer.open(this.#shelf.folder, this.#shelf.key);
    } catch {
      // Storage that cannot be written to is as good as none.
      this.#shelf = undefined;
    }
    return this.#writer;
  }

  /** Does something to the stored file. Where the disk is full, or gives up, memory takes over. */
  #store(change: (writer: Writer) => void): void {
    if (!this.#writer) return;
    try {
      change(this.#writer);
    } catch {
      for (const [piece, filled = 0] of this.#filled.entries()) {
        if (filled === 0) continue;
        const start = piece * PIECE_BYTES;
        this.#memory.add(piece, this.#writer.read(start, start + filled));
        if (this.rest(piece).start === this.rest(piece).end) this.#memory.finish(piece);
      }
      this.#leaveStore();
    }
  }

  /** Stores nothing any more, and leaves nothing there. */
  #leaveStore(): void {
    const [shelf, writer] = [this.#shelf, this.#writer];
    [this.#shelf, this.#writer] = [undefined, undefined];
    if (!shelf || !writer) return;
    writer.close();
    this.#kept = 0;
    this.#removal = shelf.folder.remove(shelf.key).catch(() => {});
  }
}

/** Whether so many bytes more may be stored. A browser that does not say is tried. */
async function hasRoom(bytes: number): Promise<boolean> {
  const { quota, usage = 0 } = await navigator.storage.estimate();
  return quota === undefined || usage + bytes <= quota;
}
