/** What the page says about a failure. */
import { MinionsError } from "minions-web";
import { strings } from "./strings.js";

/** A failure as the page shows it. */
export interface Failure {
  /** A `MinionsError`'s code, or one of the page's own. */
  code: string;
  title: string;
  /** What happened, in the words of whoever noticed. */
  message: string;
  /** What to do about it. */
  advice: string;
}

export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}

export function failure(error: unknown): Failure {
  const { failures } = strings;
  if (error instanceof MinionsError) {
    return { code: error.code, message: error.message, ...(failures[error.code] ?? failures.internal) };
  }
  return { code: "internal", message: error instanceof Error ? error.message : String(error), ...failures.internal };
}
