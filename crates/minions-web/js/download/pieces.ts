/** Fetches what a file still lacks: several pieces at a time where the server gives pieces, else all of it. */
import { MinionsError } from "../errors.js";
import { PIECE_BYTES } from "../store/entry.js";
import type { Arrival } from "./arrival.js";
import type { Gate } from "./gate.js";
import { type Address, type Answer, type Version, failed, get, isUnreachable } from "./request.js";
import { retrying } from "./retry.js";

/** How many pieces are fetched at a time. */
const CONNECTIONS = 4;

/** Who follows a download. */
export interface Course {
  signal: AbortSignal;
  gate: Gate;
  /** So many bytes came. */
  onBytes(bytes: number): void;
  /** A piece is there. */
  onPiece(): void;
}

/** The file on the server is not the one that the first pieces were of. */
export class Changed extends Error {}

/** Completes `arrival`; tells whether the server has the file at all. */
export async function fetchPieces(address: Address, arrival: Arrival, course: Course): Promise<boolean> {
  const over = new AbortController();
  try {
    return await complete(address, arrival, { ...course, signal: AbortSignal.any([course.signal, over.signal]) });
  } finally {
    // An answer that nobody reads any more holds a connection.
    over.abort();
  }
}

async function complete(address: Address, arrival: Arrival, course: Course): Promise<boolean> {
  const { signal } = course;
  const isBegun = arrival.version !== undefined;
  const [piece = 0] = arrival.missing();
  if (isBegun && arrival.missing().length === 0) return true;
  const next = () => retrying(signal, () => get(address, arrival.rest(piece), signal));
  const first = await (isBegun ? next() : firstAnswer(address, arrival, signal));
  if (first.kind === "absent") return false;
  if (first.kind === "whole") {
    await fetchWhole(address, first, arrival, course);
    return true;
  }
  if (first.kind === "part" && !isBegun) await arrival.begin(first.version, true);
  await fetchMissing(address, { piece, answer: first }, arrival, course);
  return true;
}

/** The answer to the request for a file's first piece, or for all of it where pieces are what the server cannot do. */
async function firstAnswer(address: Address, arrival: Arrival, signal: AbortSignal): Promise<Answer> {
  let answer: Answer;
  try {
    answer = await retrying(signal, () => get(address, arrival.rest(0), signal));
  } catch (error) {
    if (!isUnreachable(error)) throw error;
    // For a browser, a part that comes compressed although it must not is no answer at all.
    return get(address, undefined, signal).catch(() => {
      throw error;
    });
  }
  // Of an empty file there is no first byte to ask for.
  return answer.kind === "outside" ? retrying(signal, () => get(address, undefined, signal)) : answer;
}

/** Fetches the missing pieces, of which the first is being answered already. */
async function fetchMissing(
  address: Address,
  first: { piece: number; answer: Answer },
  arrival: Arrival,
  course: Course,
): Promise<void> {
  const stop = new AbortController();
  const signal = AbortSignal.any([course.signal, stop.signal]);
  const queue = new Set(arrival.missing());
  // What somebody waits for comes first, and what follows it: few read a file from its end.
  const next = () => [...queue].find((piece) => piece >= arrival.wanted) ?? [...queue][0];
  const connection = async (piece: number | undefined, ready?: Answer) => {
    for (; piece !== undefined; piece = next(), ready = undefined) {
      queue.delete(piece);
      await fetchPiece(address, piece, ready, arrival, { ...course, signal });
    }
  };
  const connections = Array.from({ length: CONNECTIONS }, (_, index) => {
    const all = index === 0 ? connection(first.piece, first.answer) : connection(next());
    return all.catch((error: unknown) => stop.abort(error));
  });
  // All of them: none may write any more when this is over.
  await Promise.all(connections);
  signal.throwIfAborted();
}

async function fetchPiece(
  address: Address,
  piece: number,
  ready: Answer | undefined,
  arrival: Arrival,
  course: Course,
): Promise<void> {
  const { signal } = course;
  const attempt = async () => {
    await course.gate.pass(signal);
    const asked = arrival.rest(piece);
    const answer = ready ?? (await get(address, asked, signal));
    ready = undefined;
    if (answer.kind !== "part" || !isSame(answer.version, arrival.version)) throw new Changed();
    const { range, body } = answer;
    if (range.start !== asked.start || range.end > asked.end) {
      throw wrong(address, "the server sent other bytes than those asked for");
    }
    await receive(body, range.end - range.start, address, course, (bytes) => arrival.write(piece, bytes));
    if (arrival.rest(piece).start < asked.end) throw failed(address.name, "the connection broke while it was loading");
    course.onPiece();
  };
  await retrying(signal, attempt, () => arrival.rest(piece).start);
}

/** From a server that gives no pieces: in one go, and from the beginning if that breaks. */
async function fetchWhole(address: Address, ready: Answer | undefined, arrival: Arrival, course: Course): Promise<void> {
  const { signal } = course;
  const attempt = async () => {
    const answer = ready ?? (await get(address, undefined, signal));
    ready = undefined;
    if (answer.kind !== "whole") throw new Changed();
    const { size } = answer.version;
    await arrival.begin(answer.version, false);
    await receive(answer.body, Infinity, address, course, (bytes) => {
      // More than was said: it is compressed in transit, which a page is not told of other sites' answers.
      if (arrival.loaded + bytes.length > (size ?? Infinity)) arrival.version = { ...answer.version, size: null };
      arrival.write(Math.floor(arrival.loaded / PIECE_BYTES), bytes);
    });
    if (size !== null && arrival.loaded < size) throw failed(address.name, `only ${arrival.loaded} of ${size} bytes arrived`);
  };
  try {
    await retrying(signal, attempt);
  } catch (error) {
    arrival.reset();
    throw error;
  }
}

/** Hands on a body, as fast as the download may go. */
async function receive(
  body: AsyncIterable<Uint8Array<ArrayBuffer>>,
  most: number,
  address: Address,
  { signal, gate, onBytes }: Course,
  write: (bytes: Uint8Array<ArrayBuffer>) => void,
): Promise<void> {
  for await (const bytes of body) {
    await gate.pass(signal);
    signal.throwIfAborted();
    most -= bytes.length;
    if (most < 0) throw wrong(address, "the server sent more bytes than it said");
    write(bytes);
    onBytes(bytes.length);
  }
}

function isSame(one: Version, other: Version | undefined): boolean {
  return one.size === other?.size && one.validator === other.validator;
}

function wrong({ name }: Address, message: string): MinionsError {
  return new MinionsError("download_failed", `${name}: ${message}`);
}
