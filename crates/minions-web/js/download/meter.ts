/** Tells how far a file is, how fast it comes and when it will be there. */
import type { Progress } from "../types.js";
import type { Arrival } from "./arrival.js";

/** Progress is told no more often than this. */
const REPORT_MS = 50;

/** And while nothing comes this often. */
const TICK_MS = 1_000;

/** The rate is that of so long a time. */
const WINDOW_MS = 5_000;

export class Meter {
  readonly #file: string;
  readonly #emit: (progress: Progress) => void;
  #received = 0;
  #samples: { at: number; received: number }[] = [];
  #toldAt = -Infinity;

  constructor(file: string, emit: (progress: Progress) => void) {
    this.#file = file;
    this.#emit = emit;
  }

  /** So many bytes have come. */
  count(bytes: number, arrival: Arrival): void {
    this.#received += bytes;
    if (performance.now() - this.#toldAt >= REPORT_MS) this.tell(arrival);
  }

  /** Tells it again and again while nothing comes, so that the rate falls; until what it returns is called. */
  tick(arrival: Arrival): () => void {
    const timer = setInterval(() => {
      if (this.#received > 0 && performance.now() - this.#toldAt >= TICK_MS) this.tell(arrival);
    }, TICK_MS);
    return () => clearInterval(timer);
  }

  tell({ loaded, version, isStored }: Arrival): void {
    const at = (this.#toldAt = performance.now());
    this.#samples = [...this.#samples.filter((sample) => at - sample.at < WINDOW_MS), { at, received: this.#received }];
    const [first] = this.#samples;
    const seconds = first ? (at - first.at) / 1000 : 0;
    const rate = first && seconds > 0 ? (this.#received - first.received) / seconds : 0;
    const total = version?.size ?? 0;
    const secondsLeft = total > 0 && rate > 0 ? (total - loaded) / rate : null;
    this.#emit({
      phase: "download",
      file: this.#file,
      loaded,
      total,
      bytesPerSecond: rate,
      secondsLeft: total > 0 && loaded === total ? 0 : secondsLeft,
      stored: isStored,
    });
  }
}
