/** Files as the engine reads them: in ranges, so that none needs to be in memory whole. */

/** A file that is there, or on its way. */
export interface Readable {
  /** In bytes. */
  size(): Promise<number>;
  /** The bytes from `start` up to, not including, `end`; waits for what is still to come. They are the reader's alone. */
  read(start: number, end: number): Promise<Uint8Array>;
}

/** A file that is there. */
export function ofBlob(blob: Blob): Readable {
  return { size: async () => blob.size, read: (start, end) => readBlob(blob, start, end) };
}

export async function readBlob(blob: Blob, start: number, end: number): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await blob.slice(start, end).arrayBuffer());
}
