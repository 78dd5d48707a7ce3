/**
 * What the wasm exports, declared by hand so that the types can be checked without building it.
 * `tests/package/types.test.mjs` proves that the generated declarations say the same.
 */
import type { Readable } from "../readable.js";
import type { Adapter, ModelInfo, Progress, Speed } from "../types.js";
import type { Ask, Counters, KernelCheck, KernelSpeed, Predicted, Tally, WireLoad, WirePrediction, WireRequest, WireRun, WireSupervisor } from "../wire.js";

/** Loads and starts the wasm. */
export default function init(options?: { module_or_path: string | URL }): Promise<unknown>;

export class Engine {
  private constructor();
  static load(
    files: Map<string, Readable>,
    main: string,
    load: WireLoad,
    onProgress: (progress: Progress) => void,
  ): Promise<Engine>;
  info(): ModelInfo;
  adapter(): Adapter;
  generate(request: WireRequest): Stream;
  run(run: WireRun, ask: Ask): Stream;
  predict(prediction: WirePrediction): Predicted;
  measure(): Promise<Speed>;
  models(supervisor: WireSupervisor): Promise<string[]>;
  tokenize(request: WireRequest): Uint32Array;
  embed(texts: string[], pooling: string): Promise<Float32Array>;
  logits(ids: Uint32Array): Promise<Float32Array>;
  counters(): Counters;
  tally(): Tally;
  free(): void;
}

export class Stream {
  private constructor();
  next(): Promise<unknown>;
  abort(): void;
  free(): void;
}

export function runWithPageWorker(run: WireRun, ask: Ask): Stream;
export function probe(device: string): Promise<Adapter>;
export function checkKernels(): Promise<KernelCheck[]>;
export function benchKernels(quick: boolean): Promise<KernelSpeed[]>;
export function memoryBytes(): number;

/** A SHA-256 digest in the making. */
export class Sha256 {
  constructor();
  update(bytes: Uint8Array): void;
  /** In hexadecimal digits. What comes after is of another. */
  finish(): string;
  free(): void;
}

export class Rehearsal {
  constructor();
  run(): Promise<number>;
  free(): void;
}
