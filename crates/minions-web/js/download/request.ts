/** One GET of a file or a part of it, and what its answer says. */
import { MinionsError } from "../errors.js";
import type { ErrorCode } from "../events.js";
import { Passing } from "./retry.js";

/** Where a file is. */
export interface Address {
  url: string;
  /** What messages call it: an address may hold what nobody should see. */
  name: string;
  /** An access token for this host. */
  token: string | null;
}

/** What tells one state of a file from another. */
export interface Version {
  /** `null` where the server does not say. */
  size: number | null;
  /** Its etag or the time it was last modified; `null` where the server tells neither. */
  validator: string | null;
}

/** Bytes from `start` up to, not including, `end`. */
export interface Range {
  start: number;
  end: number;
}

export type Answer =
  | { kind: "part"; range: Range; version: Version; body: Body }
  | { kind: "whole"; version: Version; body: Body }
  /** The server has no such file. */
  | { kind: "absent" }
  /** The server has no such part of it. */
  | { kind: "outside" };

type Body = AsyncIterable<Uint8Array<ArrayBuffer>>;

/** A connection that is silent for so long is given up. */
const SILENCE_MS = 20_000;

/**
 * Asks for a file, or for a part of it, which not every server gives.
 *
 * There is no `If-Range`: it would make the browser ask for permission first, which hubs' content networks do not give.
 * Every answer tells its version instead.
 */
export async function get(address: Address, range: Range | undefined, signal: AbortSignal): Promise<Answer> {
  const { url, name, token } = address;
  const silence = new Silence(signal);
  const headers = new Headers();
  if (range) headers.set("range", `bytes=${range.start}-${range.end - 1}`);
  if (token !== null) headers.set("authorization", `Bearer ${token}`);
  let response: Response;
  try {
    // Kept by the browser as well, a model would take its place twice.
    response = await silence.during(fetch(url, { headers, cache: "no-store", signal: silence.signal }));
  } catch (cause) {
    signal.throwIfAborted();
    const reasons = "no connection, too many redirects, or the server (CORS) or this site (Content-Security-Policy) does not allow it";
    throw failed(name, silence.signal.aborted ? "the server does not answer" : reasons, cause);
  }
  const body = chunks(response, name, silence, signal);
  const encoded = !["", "identity"].includes(response.headers.get("content-encoding") ?? "");
  const validator = response.headers.get("etag") ?? response.headers.get("last-modified");
  if (response.status === 206 && range) {
    const part = encoded ? undefined : contentRange(response);
    if (part) return { kind: "part", range: part.range, version: { size: part.size, validator }, body };
    // A part of what, and which, cannot be told; the whole can be used all the same.
    drop(response);
    return get(address, undefined, signal);
  }
  if (response.ok) {
    // A server that answers every address with its start page says 200 all the same.
    if (response.headers.get("content-type")?.startsWith("text/html")) {
      drop(response);
      const message = `${name}: the server answered with a web page instead of the file; check the address`;
      throw new MinionsError("download_failed", message);
    }
    // Compressed in transit, the length is not that of the file.
    const length = encoded ? null : response.headers.get("content-length");
    return { kind: "whole", version: { size: length === null ? null : Number(length), validator }, body };
  }
  drop(response);
  if (response.status === 404) return { kind: "absent" };
  if (response.status === 416 && range) return { kind: "outside" };
  throw refused(response, address);
}

/** Whether a failure is one of which the browser tells nothing. */
export function isUnreachable(error: unknown): boolean {
  return error instanceof MinionsError && error.cause instanceof TypeError;
}

/** A failure after which it may be tried again. */
export function failed(name: string, message: string, cause?: unknown): Passing {
  return new Passing(new MinionsError("download_failed", `${name}: ${message}`, { retryable: true, cause }));
}

function refused({ status, headers }: Response, { name, token }: Address): Error {
  const error = (code: ErrorCode, message: string, retryable: boolean) =>
    new MinionsError(code, `${name}: ${message}`, { retryable });
  const key = token === null ? "give the source an access token" : "check that the token is valid and may read this model";
  switch (status) {
    case 401:
      return error("auth_failed", `the model's host wants to know who asks (401): ${key}`, false);
    case 403:
      return error("auth_failed", `the model's host refuses access (403): accept the model's terms on its page, and ${key}`, false);
    case 429:
      return new Passing(error("rate_limited", "the model's host asks to wait (429): try again later", true), retryAfterMs(headers));
    default: {
      const passes = status === 408 || status >= 500;
      const failure = error("download_failed", `the server answered ${status}`, passes);
      return passes ? new Passing(failure, retryAfterMs(headers)) : failure;
    }
  }
}

/** What `Retry-After` asks for: seconds, or a date. */
function retryAfterMs(headers: Headers): number {
  const asked = headers.get("retry-after") ?? "";
  const milliseconds = /^\d+$/.test(asked) ? 1000 * Number(asked) : Date.parse(asked) - Date.now();
  return milliseconds > 0 ? milliseconds : 0;
}

/** What `Content-Range` says, if the server lets the page read it. */
function contentRange({ headers }: Response): { range: Range; size: number } | undefined {
  const [, first, last, size] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(headers.get("content-range") ?? "") ?? [];
  if (first === undefined) return undefined;
  return { range: { start: Number(first), end: Number(last) + 1 }, size: Number(size) };
}

async function* chunks(response: Response, name: string, silence: Silence, signal: AbortSignal): Body {
  const reader = response.body?.getReader();
  try {
    for (;;) {
      const next = await silence.during(reader?.read() ?? Promise.resolve(undefined));
      if (!next?.value) return;
      yield next.value;
    }
  } catch (cause) {
    signal.throwIfAborted();
    throw failed(name, silence.signal.aborted ? "the server fell silent" : "the connection broke while it was loading", cause);
  } finally {
    void reader?.cancel().catch(() => {});
  }
}

/** Ends an answer that nobody will read. */
function drop({ body }: Response): void {
  body?.cancel().catch(() => {});
}

/** Gives a request up when nothing is heard of it for too long. */
class Silence {
  readonly signal: AbortSignal;
  readonly #controller = new AbortController();

  constructor(signal: AbortSignal) {
    this.signal = AbortSignal.any([signal, this.#controller.signal]);
  }

  async during<T>(waiting: Promise<T>): Promise<T> {
    const timer = setTimeout(() => this.#controller.abort(), SILENCE_MS);
    try {
      return await waiting;
    } finally {
      clearTimeout(timer);
    }
  }
}
