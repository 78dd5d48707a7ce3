/** Does again what failed for a reason that may pass. */
import type { MinionsError } from "../errors.js";

/** How often in a row something may fail. */
const MAX_FAILURES = 6;
const FIRST_REST_MS = 250;
const LONGEST_REST_MS = 8_000;

/** A server that asks for more patience than this is told to the user instead. */
const LONGEST_ASKED_MS = 60_000;

/** A failure that may pass, and how long the server asks to wait. */
export class Passing extends Error {
  constructor(
    readonly failure: MinionsError,
    readonly askedMs = 0,
  ) {
    super(failure.message);
  }
}

/**
 * Calls `work` until it succeeds, or fails for good, or too often in a row; rests twice as long after each failure. Failures
 * between which `progress` grew are not in a row.
 */
export async function retrying<T>(signal: AbortSignal, work: () => Promise<T>, progress = () => 0): Promise<T> {
  for (let failures = 0, before = progress(); ; before = progress()) {
    try {
      return await work();
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof Passing)) throw error;
      failures = progress() > before ? 1 : failures + 1;
      if (failures === MAX_FAILURES || error.askedMs > LONGEST_ASKED_MS) throw error.failure;
      const restMs = Math.min(FIRST_REST_MS * 2 ** (failures - 1), LONGEST_REST_MS);
      // Not all who were refused together come back together.
      await rest(Math.max(restMs * (0.5 + Math.random() / 2), error.askedMs), signal);
    }
  }
}

function rest(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => (clearTimeout(timer), reject(signal.reason)), { once: true });
  });
}
