/** Pieces of a file that are not stored. Whole ones are handed to the browser, which may keep them on disk. */

type Bytes = Uint8Array<ArrayBuffer>;

export class Memory {
  #pieces: (Bytes | Blob)[][] = [];

  /** Adds what comes next of a piece. */
  add(piece: number, bytes: Bytes): void {
    (this.#pieces[piece] ??= []).push(bytes);
  }

  finish(piece: number): void {
    this.#pieces[piece] = [this.#blob(piece)];
  }

  async read(piece: number, from: number, to: number): Promise<Bytes> {
    return new Uint8Array(await this.#blob(piece).slice(from, to).arrayBuffer());
  }

  whole(): Blob {
    return new Blob(this.#pieces.flat());
  }

  clear(): void {
    this.#pieces = [];
  }

  #blob(piece: number): Blob {
    return new Blob(this.#pieces[piece] ?? []);
  }
}
