/** Questions and their answers that stay in this browser: only if the user wants that, and never a document or a key. */
import type { Protocol } from "./protocols.js";

/** A question that was answered. */
export interface Kept {
  /** Milliseconds since 1970. */
  at: number;
  task: string;
  answer: string;
  protocol: Protocol;
  /** The documents' names. */
  documents: string[];
}

/** Where it is; that it is there at all says that it is wanted. */
const KEY = "minions-history";

/** The latest are kept. */
const MOST = 100;

/** What is kept, the last first; nothing where the user does not want that. */
export function readHistory(): readonly Kept[] | undefined {
  const text = stored();
  if (text === null) return undefined;
  try {
    return (JSON.parse(text) as unknown[]).filter(isKept);
  } catch {
    // Whoever damaged it, the user still wants one.
    return [];
  }
}

/** Keeps these, or with `undefined` nothing any more. What there is no room for is kept until the page is closed. */
export function writeHistory(history: readonly Kept[] | undefined): void {
  try {
    if (history) localStorage.setItem(KEY, JSON.stringify(history.slice(0, MOST)));
    else localStorage.removeItem(KEY);
  } catch {
    // Storage is full, or forbidden.
  }
}

function stored(): string | null {
  try {
    return localStorage.getItem(KEY);
  } catch {
    // A browser may forbid even to look.
    return null;
  }
}

function isKept(entry: unknown): entry is Kept {
  const { at, task, answer, documents } = (entry ?? {}) as Partial<Kept>;
  return typeof at === "number" && typeof task === "string" && typeof answer === "string" && Array.isArray(documents);
}
