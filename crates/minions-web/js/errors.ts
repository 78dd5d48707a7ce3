/** Failures, and how they cross to and from the worker. */
import type { RunUsage } from "./events.js";

/** The stable name of a kind of failure, the same in Rust and TypeScript. */
export type ErrorCode =
  /** There is no WebGPU here, or no adapter that can run the kernels, and `device: "gpu"` was asked for. */
  | "webgpu_unavailable"
  /** The GPU was reset or taken away. Load the model again. */
  | "device_lost"
  /** The model or its cache does not fit on the device. */
  | "out_of_memory"
  /** The model's name leads nowhere, or its architecture or encoding is not supported. */
  | "unknown_model"
  /** A file of the model could not be fetched or read. */
  | "download_failed"
  /** A file of the model is not what it should be. */
  | "invalid_model"
  /** Prompt and reply do not fit in the model's context. */
  | "context_overflow"
  /** The call asks for something impossible. */
  | "invalid_request"
  /** Another run is using the worker. */
  | "busy"
  /** The provider did not accept the API key. */
  | "auth_failed"
  /** The provider asks to wait, or the quota is used up. */
  | "rate_limited"
  /** The provider answered with another error. */
  | "provider_error"
  /** No answer came: no connection, or the browser blocked the request (CORS). */
  | "network_error"
  /** No answer came in time. */
  | "timeout"
  /** The provider answered with something that is not a chat completion. */
  | "bad_reply"
  /** A fault of minions-web. Please report it. */
  | "internal";

/**
 * Every failure that minions-web reports itself.
 *
 * An abort is not a failure: it rejects with the reason of the `AbortSignal`, by default a `DOMException` whose name
 * is `AbortError`.
 */
export class MinionsError extends Error {
  override readonly name = "MinionsError";
  /** The kind of failure. */
  readonly code: ErrorCode;
  /** Whether the same call may succeed later. */
  readonly retryable: boolean;
  /** What a run cost before it failed; only on failures of runs. */
  readonly usage: RunUsage | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options: { retryable?: boolean | undefined; usage?: RunUsage | undefined; cause?: unknown } = {},
  ) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.retryable = options.retryable ?? false;
    this.usage = options.usage;
  }
}

/**
 * An error as it crosses to or from the worker: a structured clone would lose its code.
 * @internal
 */
export interface WireError {
  code: ErrorCode;
  message: string;
  retryable: boolean;
  usage: RunUsage | undefined;
  stack: string | undefined;
}

/** @internal */
export function toWire(error: unknown): WireError {
  const { code, message, retryable, usage, stack } = (error ?? {}) as Partial<MinionsError>;
  // An error without one of our codes is one that nobody foresaw: then, and only then, where it arose is of use.
  const known = typeof code === "string" ? code : "internal";
  return {
    code: known,
    message: message ?? String(error),
    retryable: retryable === true,
    usage,
    stack: known === "internal" ? stack : undefined,
  };
}

/** @internal */
export function fromWire(wire: WireError): MinionsError {
  const { code, message, retryable, usage, stack } = wire;
  const error = new MinionsError(code, message, { retryable, usage });
  if (stack !== undefined) error.stack = `${error.stack}\n    in the worker: ${stack}`;
  return error;
}
