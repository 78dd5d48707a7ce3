/** The SHA-256 of a file that arrives in any order: takes in whatever is there from its beginning on. */
import { PIECE_BYTES } from "../store/entry.js";
import type { Arrival } from "./arrival.js";

/** The wasm's digest in the making. */
export interface Sha256 {
  update(bytes: Uint8Array): void;
  finish(): string;
}

/** Taken in at a time: messages, an abort among them, wait for so long. */
const STEP_BYTES = 2 * 1024 * 1024;

export class Digest {
  readonly #arrival: Arrival;
  readonly #sha256: Promise<Sha256>;
  #taken = 0;
  #work: Promise<void> = Promise.resolve();

  constructor(arrival: Arrival, sha256: Promise<Sha256>) {
    this.#arrival = arrival;
    this.#sha256 = sha256;
    // Told by `finish`, if it comes to that.
    sha256.catch(() => {});
  }

  /** Takes in the pieces that have come since, sooner or later. */
  advance(): void {
    this.#work = this.#work.then(() => this.#take(() => this.#arrival.contiguous - (this.#arrival.contiguous % PIECE_BYTES)));
    this.#work.catch(() => {});
  }

  /** The digest, in hexadecimal digits, of all that is there. */
  async finish(): Promise<string> {
    await this.#work;
    await this.#take(() => this.#arrival.contiguous);
    return (await this.#sha256).finish();
  }

  async #take(end: () => number): Promise<void> {
    const sha256 = await this.#sha256;
    while (this.#taken < end()) {
      const bytes = await this.#arrival.read(this.#taken, Math.min(end(), this.#taken + STEP_BYTES));
      sha256.update(bytes);
      this.#taken += bytes.length;
      await breath();
    }
  }
}

/** The digest of a file that is there. */
export async function digestOf(blob: Blob, sha256: Sha256, signal: AbortSignal): Promise<string> {
  for (let at = 0; at < blob.size; at += STEP_BYTES) {
    signal.throwIfAborted();
    sha256.update(new Uint8Array(await blob.slice(at, at + STEP_BYTES).arrayBuffer()));
  }
  return sha256.finish();
}

/** Lets the network, and messages, have their turn. By a message of its own: timers in a row wait 4 ms each. */
function breath(): Promise<void> {
  const { port1, port2 } = new MessageChannel();
  return new Promise((resolve) => {
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}
