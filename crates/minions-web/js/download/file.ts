/** One file of a model: out of the store, or from the first of its addresses that has it. */
import { MinionsError } from "../errors.js";
import type { Progress } from "../types.js";
import { type Folder, keyOf, plain } from "../store/folder.js";
import { Arrival, type Shelf } from "./arrival.js";
import { Digest, type Sha256, digestOf } from "./digest.js";
import type { Gate } from "./gate.js";
import { digestAtHub } from "./hub.js";
import { type InFlight, whole } from "./inflight.js";
import { Meter } from "./meter.js";
import { Changed, type Course, fetchPieces } from "./pieces.js";
import type { Address } from "./request.js";

/** A file to be fetched. */
export interface Wanted {
  name: string;
  /** The address that it is known by, then others of the same file. */
  addresses: [Address, ...Address[]];
  /** The address of its model. */
  model: string;
  /** The digest that it must have. */
  sha256: string | undefined;
}

/** What all files of a download have in common. */
export interface Download {
  /** Where files are kept, if they are. */
  folder: Folder | undefined;
  /** Whether stored files are read through and compared with their digest before they are used. */
  verify: boolean;
  signal: AbortSignal;
  gate: Gate;
  emit(progress: Progress): void;
  newSha256(): Promise<Sha256>;
}

/** A file, or nothing where no server has it. Those who read `file` meanwhile get what is there. */
export async function fetchFile(wanted: Wanted, file: InFlight, download: Download): Promise<Blob | undefined> {
  const { folder, signal, emit } = download;
  const { name, model } = wanted;
  const { url } = wanted.addresses[0];
  // Other addresses, such as those of blobs, end with the page.
  if (!folder || !/^https?:/.test(url)) return fetchTo(undefined, wanted, file, download);
  const shelf = { folder, key: await keyOf(url), from: { name, url: plain(url), model: plain(model) } };
  return folder.exclusively(
    shelf.key,
    signal,
    () => emit({ phase: "wait", file: name, loaded: 0, total: 0 }),
    async () => (await stored(shelf, wanted, file, download)) ?? (await fetchTo(shelf, wanted, file, download)),
  );
}

/** The file, if all of it is in the store and it is the one that is wanted. */
async function stored(
  { folder, key }: Shelf,
  { name, sha256 }: Wanted,
  file: InFlight,
  download: Download,
): Promise<Blob | undefined> {
  const entry = (await folder.find(key))?.entry;
  if (!entry?.sha256) return undefined;
  const data = await folder.data(key);
  let digest = entry.sha256;
  if (download.verify) digest = await digestOf(data, await download.newSha256(), download.signal);
  if (digest !== entry.sha256 || digest !== (sha256 ?? digest)) {
    await folder.remove(key);
    return undefined;
  }
  const { size } = data;
  file.source = whole(data);
  download.emit({ phase: "download", file: name, loaded: size, total: size, bytesPerSecond: 0, secondsLeft: 0, stored: true });
  return data;
}

async function fetchTo(
  shelf: Shelf | undefined,
  wanted: Wanted,
  file: InFlight,
  download: Download,
): Promise<Blob | undefined> {
  const begun = shelf && (await shelf.folder.find(shelf.key))?.entry;
  // Without anything to tell states of the file apart, only its digest could tell that two of them were mixed.
  const isSafe = begun && (begun.validator !== null || wanted.sha256 !== undefined);
  const arrival = await Arrival.resume(shelf, isSafe ? begun : undefined, () => file.notify());
  file.source = arrival;
  try {
    let failure: unknown;
    for (const address of wanted.addresses) {
      try {
        const all = await fetchFrom(address, wanted, arrival, download);
        if (all) return all;
      } catch (error) {
        download.signal.throwIfAborted();
        // The first address is the one that the caller knows.
        failure ??= error;
      }
    }
    if (failure !== undefined) throw failure;
    return undefined;
  } finally {
    await arrival.close();
  }
}

/** Fetches what is missing from one address; all of it, once, if what was there turns out to be of another file. */
async function fetchFrom(address: Address, wanted: Wanted, arrival: Arrival, download: Download): Promise<Blob | undefined> {
  const { signal } = download;
  const atHub = wanted.sha256 === undefined ? digestAtHub(address, signal) : undefined;
  for (let canBeginAnew = true; ; canBeginAnew = false) {
    const isResumed = arrival.version !== undefined;
    const meter = new Meter(wanted.name, download.emit);
    const endTicks = meter.tick(arrival);
    try {
      const digest = new Digest(arrival, download.newSha256());
      const course: Course = {
        signal,
        gate: download.gate,
        onBytes: (bytes) => meter.count(bytes, arrival),
        onPiece: () => digest.advance(),
      };
      if (isResumed) digest.advance();
      if (!(await fetchPieces(address, arrival, course))) return undefined;
      const sha256 = await digest.finish();
      const expected = wanted.sha256 ?? (await atHub) ?? sha256;
      if (sha256 === expected) {
        meter.tell(arrival);
        return await arrival.complete(sha256);
      }
      arrival.reset();
      if (!isResumed || !canBeginAnew) throw damaged(wanted.name);
    } catch (error) {
      if (!(error instanceof Changed)) throw error;
      arrival.reset();
      if (!canBeginAnew) throw changing(wanted.name);
    } finally {
      endTicks();
    }
  }
}

function damaged(name: string): MinionsError {
  const advice = "it was changed or damaged on its way; load it again, or check the digest or the address";
  return new MinionsError("integrity_failed", `${name}: the file's SHA-256 is not the expected one: ${advice}`);
}

function changing(name: string): MinionsError {
  const message = `${name}: the file changed on the server while it was loading, twice; load it again`;
  return new MinionsError("download_failed", message, { retryable: true });
}
