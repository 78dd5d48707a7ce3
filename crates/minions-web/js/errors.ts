/** Failures, and how they cross to and from the worker. */
import type { ErrorCode, Outcome } from "./events.js";

/**
 * Every failure that minions-web reports itself.
 *
 * An abort is not a failure: it rejects with the reason of the `AbortSignal`, by default a `DOMException` whose name
 * is `AbortError`.
 */
export class MinionsError extends Error {
  /** Tells it from other errors, also where `instanceof` cannot. */
  override readonly name = "MinionsError";
  /** The kind of failure. */
  readonly code: ErrorCode;
  /** Whether the same call may succeed later. */
  readonly retryable: boolean;
  /** What a run had come to, and what it cost, before a model failed to answer. */
  readonly outcome: Outcome | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options: { retryable?: boolean | undefined; outcome?: Outcome | undefined; cause?: unknown } = {},
  ) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.retryable = options.retryable ?? false;
    this.outcome = options.outcome;
  }
}

/** An error as it crosses to or from the worker: a structured clone would lose its code. */
export interface WireError {
  code: ErrorCode;
  message: string;
  retryable: boolean;
  outcome: Outcome | undefined;
  stack: string | undefined;
}

/** @internal */
export function toWire(error: unknown): WireError {
  const { code, message, retryable, outcome, stack } = (error ?? {}) as Partial<MinionsError>;
  // An error without one of our codes is one that nobody foresaw: then, and only then, where it arose is of use.
  const known = typeof code === "string" ? code : "internal";
  return {
    code: known,
    message: message ?? String(error),
    retryable: retryable === true,
    outcome,
    stack: known === "internal" ? stack : undefined,
  };
}

/** @internal */
export function fromWire(wire: WireError): MinionsError {
  const { code, message, retryable, outcome, stack } = wire;
  const error = new MinionsError(code, message, { retryable, outcome });
  if (stack !== undefined) error.stack = `${error.stack}\n    in the worker: ${stack}`;
  return error;
}
