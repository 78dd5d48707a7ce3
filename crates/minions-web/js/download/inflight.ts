/** A file on its way, for those who read it before all of it is there. */
import { type Readable, Stored } from "../readable.js";
import { PIECE_BYTES } from "../store/entry.js";

/** What there is of a file. */
export interface Source {
  /** How long the file is; `undefined` while nobody can tell for sure. */
  readonly size: number | undefined;
  /** Another number whenever what was there turned out not to be the file. */
  readonly edition: number;
  /** Whether some of it was left by an earlier load. */
  readonly isResumed: boolean;
  /** Whether these bytes, all of one piece, are there. */
  has(start: number, end: number): boolean;
  /** Reads them. */
  read(start: number, end: number): Promise<Uint8Array>;
  /** Says that somebody waits for what begins here. */
  want(start: number): void;
}

/** A file all of which is there. */
export function whole(blob: Blob): Source {
  const stored = new Stored(blob);
  return {
    size: blob.size,
    edition: 0,
    isResumed: false,
    has: () => true,
    read: (start, end) => stored.read(start, end),
    want: () => {},
  };
}

export class InFlight {
  #source: Source | undefined;
  #failure: { reason: unknown } | undefined;
  #waiting: (() => void)[] = [];

  /** What there is of it; nothing before it was looked for. */
  get source(): Source | undefined {
    return this.#source;
  }

  set source(source: Source) {
    this.#source = source;
    this.notify();
  }

  /** It will not come: whoever reads it is told why. */
  fail(reason: unknown): void {
    this.#failure = { reason };
    this.notify();
  }

  /** Tells those who wait that there is news. */
  notify(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }

  /** Waits until `look` finds something. */
  async until<T>(look: (source: Source) => T | Promise<T> | undefined): Promise<T> {
    for (;;) {
      if (this.#failure) throw this.#failure.reason;
      const found = this.#source && look(this.#source);
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }
}

/** One reading of a file: all bytes are of the same edition, or it fails. */
export class Reading implements Readable {
  readonly #file: InFlight;
  #edition: number | undefined;

  constructor(file: InFlight) {
    this.#file = file;
  }

  /** Whether what was read turned out not to be the file. */
  get isStale(): boolean {
    return this.#edition !== undefined && this.#edition !== this.#file.source?.edition;
  }

  size(): Promise<number> {
    return this.#file.until((source) => {
      if (source.size !== undefined) this.#edition ??= source.edition;
      return source.size;
    });
  }

  async read(start: number, end: number): Promise<Uint8Array> {
    const pieceEnd = (at: number) => Math.min(end, at - (at % PIECE_BYTES) + PIECE_BYTES);
    if (pieceEnd(start) === end) return this.#part(start, end);
    const bytes = new Uint8Array(end - start);
    for (let at = start; at < end; at = pieceEnd(at)) bytes.set(await this.#part(at, pieceEnd(at)), at - start);
    return bytes;
  }

  #part(start: number, end: number): Promise<Uint8Array> {
    return this.#file.until((source) => {
      if (this.isStale) throw new Error("the file changed while it was read");
      if (source.has(start, end)) return source.read(start, end);
      source.want(start);
      return undefined;
    });
  }
}
