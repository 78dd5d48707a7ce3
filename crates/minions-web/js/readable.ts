/** Files as the engine reads them: in ranges, so that none needs to be in memory whole. */

/** A file that is there, or on its way. */
export interface Readable {
  /** In bytes. */
  size(): Promise<number>;
  /** The bytes from `start` up to, not including, `end`; waits for what is still to come. They are the reader's alone. */
  read(start: number, end: number): Promise<Uint8Array>;
}

/** So much is read at a time: to find a place in a file takes a browser as long as to read some megabytes. */
const WINDOW_BYTES = 16 * 1024 * 1024;

/** A file that is there. Whoever reads it from its beginning to its end does not wait for the disk: what follows is read ahead. */
export class Stored implements Readable {
  readonly #blob: Blob;
  /** What was read last, and what is read ahead, by their places; the older first. */
  readonly #windows = new Map<number, Promise<Uint8Array<ArrayBuffer>>>();

  constructor(blob: Blob) {
    this.#blob = blob;
  }

  async size(): Promise<number> {
    return this.#blob.size;
  }

  /** One read at a time. */
  async read(start: number, end: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(end - start);
    for (let at = start; at < end; ) {
      const place = Math.floor(at / WINDOW_BYTES);
      const isNext = this.#windows.has(place) || this.#windows.has(place - 1);
      const window = await this.#window(place);
      if (isNext && this.#blob.size > (place + 1) * WINDOW_BYTES) this.#window(place + 1).catch(() => {});
      const from = at - place * WINDOW_BYTES;
      const part = window.subarray(from, Math.min(from + end - at, WINDOW_BYTES));
      if (part.length === 0) throw new DOMException("the file ends before that", "NotReadableError");
      bytes.set(part, at - start);
      at += part.length;
    }
    return bytes;
  }

  #window(place: number): Promise<Uint8Array<ArrayBuffer>> {
    const known = this.#windows.get(place);
    if (known) return known;
    const window = this.#load(place * WINDOW_BYTES);
    this.#windows.set(place, window);
    const [oldest] = this.#windows;
    if (this.#windows.size > 2 && oldest) {
      this.#windows.delete(oldest[0]);
      // Given back now: a garbage collector sees no hurry in buffers. Older browsers cannot.
      oldest[1].then(({ buffer }) => (buffer as Shrinkable).transfer?.(0), () => {});
    }
    return window;
  }

  async #load(start: number): Promise<Uint8Array<ArrayBuffer>> {
    return new Uint8Array(await this.#blob.slice(start, start + WINDOW_BYTES).arrayBuffer());
  }
}

/** As of ES2024. */
type Shrinkable = ArrayBuffer & { transfer?(length: number): ArrayBuffer };
