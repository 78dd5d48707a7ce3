/**
 * What is known of a stored file: a line of JSON for whatever happened to it, each written after the bytes that it speaks of.
 * A crash costs at most the last line.
 */

/** The unit in which files are fetched, and a broken download goes on. */
export const PIECE_BYTES = 8 * 1024 * 1024;

/** How a file's story begins. Addresses are without query and credentials: there may be secrets in them. */
export interface Beginning {
  url: string;
  /** The address of the model that it belongs to. */
  model: string;
  /** Its name within the model. */
  name: string;
  /** As the server tells them. */
  size: number | null;
  validator: string | null;
}

/** A line of the story. */
export type Line =
  | (Beginning & { pieceBytes: number })
  /** A piece is there. */
  | { piece: number }
  /** All of it is there. */
  | { size: number; sha256: string }
  /** The model, all of it there, was handed out, in milliseconds since 1970. What all of it is, its main file knows. */
  | { model: string; usedAt: number; files?: string[] };

/** A file of the store. */
export interface Entry extends Beginning {
  pieces: Set<number>;
  /** The digest of the whole file, once all of it is there. */
  sha256: string | null;
  lastUsed: number | null;
  /** The names of all files of the model, if this is its main file and it was handed out. */
  files: string[] | null;
}

/** The first line of a file that begins. */
export function begin(beginning: Beginning): Line {
  return { ...beginning, pieceBytes: PIECE_BYTES };
}

/** Reads a story; nothing if it makes no sense. What comes after the last whole line was being written when all ended. */
export function parse(text: string): Entry | undefined {
  try {
    const [first, ...rest] = text.slice(0, text.lastIndexOf("\n") + 1).split("\n").slice(0, -1).map((line) => JSON.parse(line));
    if (!isBeginning(first) || first.pieceBytes !== PIECE_BYTES) return undefined;
    const { url, model, name, size, validator } = first;
    const entry: Entry = { url, model, name, size, validator, pieces: new Set(), sha256: null, lastUsed: null, files: null };
    for (const line of rest as Line[]) {
      if ("piece" in line) entry.pieces.add(line.piece);
      else if ("sha256" in line) [entry.size, entry.sha256] = [line.size, line.sha256];
      else if ("usedAt" in line) [entry.model, entry.lastUsed, entry.files] = [line.model, line.usedAt, line.files ?? null];
    }
    return entry;
  } catch {
    return undefined;
  }
}

function isBeginning(line: Partial<Beginning & { pieceBytes: number }> | undefined): line is Beginning & { pieceBytes: number } {
  return typeof line?.url === "string" && typeof line.model === "string" && typeof line.name === "string";
}

/** How many bytes of the file's data there must be at least. */
export function expectedBytes({ size, pieces, sha256 }: Entry): number {
  if (sha256 !== null) return size ?? 0;
  const end = PIECE_BYTES * (Math.max(-1, ...pieces) + 1);
  return Math.min(end, size ?? end);
}
