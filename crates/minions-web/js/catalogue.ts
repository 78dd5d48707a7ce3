/**
 * Small models that many people use, with what they take. Facts are the models' own (their configuration and licence); sizes are
 * computed from them. Only models of families that the engine runs; none of these files was run with it here.
 */
import { MinionsError } from "./errors.js";
import type { HubModel } from "./types.js";

/** A model that can be loaded as it stands: `Engine.load(models.find("qwen3-4b"))`. */
export interface CatalogueEntry extends HubModel {
  /** What `models.find` knows it by. */
  id: string;
  /** What to call it before people. */
  name: string;
  file: string;
  /** By its SPDX identifier, or by its own name where it has none; such licences have conditions to be read before use. */
  licence: string;
  /** How many weights there are. */
  parameters: number;
  /** The most tokens that it was made for; an engine loads it with fewer unless told otherwise. */
  contextLength: number;
  /** What it is made of: its size on the device follows from that. */
  shape: ModelShape;
  /** How most weights of the file are encoded. */
  quantization: "Q8_0" | "Q4_K_M";
  /** About how long the file is, from the shape: within a twentieth. */
  sizeBytes: number;
  /** About the least memory that it takes with a context of 4096 tokens. */
  minimumMemoryBytes: number;
  /** What its size means for documents; `null` where nothing is to be said. */
  warning: string | null;
}

/** What a model is made of. */
export interface ModelShape {
  /** How many blocks of attention and feed-forward network follow one another. */
  layers: number;
  /** The width of what passes from layer to layer. */
  hidden: number;
  /** The width of the feed-forward network. */
  ffn: number;
  /** How many heads of attention a layer has. */
  heads: number;
  /** How many of them have keys and values of their own. */
  kvHeads: number;
  /** The width of a head. */
  headDim: number;
  /** How many tokens there are. */
  vocab: number;
  /** Whether the head is the embedding. */
  tied: boolean;
  /** Whether q, k and v are one matrix in the file. */
  fused?: boolean;
}

/** Below so many parameters workers do markedly worse. */
const ENOUGH_PARAMETERS = 3e9;

/** Rows of a prompt that are read at a time, and replies that are worked on at a time. */
const [PREFILL_ROWS, DECODE_ROWS] = [256, 32];

/** Bits a weight, scales included; of rows that are not whole blocks of 256, quantisers take the second format instead. */
const Q4_K = [4.5, 5.5] as const;
const Q5_K = [5.5, 6] as const;
const Q6_K = [6.5625, 8.5] as const;
const Q8_0 = [8.5, 8.5] as const;

type Format = readonly [number, number];

/** A plain word about a model of this size as a worker, for `ModelInfo.parameters` too; `null` where there is nothing to say. */
export function advise(parameters: number): string | null {
  // "About 3B" models have a little more or a little less.
  if (parameters >= 0.97 * ENOUGH_PARAMETERS) return null;
  return (
    "Workers below 3 billion parameters answer markedly worse in the MinionS paper (arXiv 2502.15964): " +
    "expect missed facts and wrong answers, and check them, or take a larger model."
  );
}

/** How many weights a model of this shape has; norms and biases, less than a thousandth, aside. */
export function parametersOf(shape: ModelShape): number {
  return matrices(shape, "Q8_0").reduce((sum, { rows, columns }) => sum + rows * columns, 0);
}

/** How many bytes its weights take. Q4_K_M is Q4_K with Q6_K for the head and for half of what gives values and ends layers. */
export function weightBytes(shape: ModelShape, quantization: CatalogueEntry["quantization"]): number {
  const bits = matrices(shape, quantization).reduce((sum, { rows, columns, formats }) => {
    const each = formats.map(([whole, other]) => (columns % 256 === 0 ? whole : other));
    return sum + (rows * columns * each.reduce((sum, bits) => sum + bits)) / each.length;
  }, 0);
  return Math.round(bits / 8);
}

/**
 * The memory that a model takes with a cache of so many tokens, in bytes: its weights; for each token of the cache a key and a
 * value of 4-byte floats in each layer; and what a step computes with, 256 rows through a layer and the scores of 32 replies.
 */
export function memoryBytes(shape: ModelShape, quantization: CatalogueEntry["quantization"], cacheTokens: number): number {
  const { layers, hidden, ffn, heads, kvHeads, headDim, vocab } = shape;
  const cache = cacheTokens * layers * 2 * kvHeads * headDim * 4;
  const row = 4 * hidden + 2 * ffn + (2 * heads + 2 * kvHeads) * headDim;
  return weightBytes(shape, quantization) + cache + 4 * (PREFILL_ROWS * row + DECODE_ROWS * vocab);
}

/** The model of the catalogue with this id. */
export function find(id: string): CatalogueEntry {
  const entry = catalogue.find((entry) => entry.id === id);
  if (entry) return entry;
  throw new MinionsError("unknown_model", `the catalogue has no model "${id}"; it has ${catalogue.map(({ id }) => id).join(", ")}`);
}

/** The matrices of a model, and the formats of each in a file: more than one where layers differ, in equal parts. */
function matrices(shape: ModelShape, quantization: CatalogueEntry["quantization"]): { rows: number; columns: number; formats: Format[] }[] {
  const { layers, hidden, ffn, heads, kvHeads, headDim, vocab, tied, fused } = shape;
  const [q, kv] = [heads * headDim, kvHeads * headDim];
  const pick = (...formats: Format[]) => (quantization === "Q8_0" ? [Q8_0] : formats);
  return [
    ...(tied ? [] : [{ rows: vocab, columns: hidden, formats: pick(Q4_K) }]),
    { rows: vocab, columns: hidden, formats: pick(Q6_K) },
    { rows: layers * (q + kv), columns: hidden, formats: pick(fused ? Q5_K : Q4_K) },
    { rows: layers * kv, columns: hidden, formats: fused ? pick(Q5_K) : pick(Q4_K, Q6_K) },
    { rows: layers * hidden, columns: q, formats: pick(Q4_K) },
    { rows: layers * 2 * ffn, columns: hidden, formats: pick(Q4_K) },
    { rows: layers * hidden, columns: ffn, formats: pick(Q4_K, Q6_K) },
  ];
}

const APACHE = "Apache-2.0";
const LLAMA = "Llama 3.2 Community License";
const GEMMA = "Gemma Terms of Use";

type Facts = Pick<CatalogueEntry, "id" | "name" | "repo" | "file" | "licence" | "contextLength" | "quantization">;

function entry(facts: Facts, shape: ModelShape): CatalogueEntry {
  const parameters = parametersOf(shape);
  return {
    ...facts,
    shape,
    parameters,
    sizeBytes: weightBytes(shape, facts.quantization),
    minimumMemoryBytes: memoryBytes(shape, facts.quantization, 4096),
    warning: advise(parameters),
  };
}

/** The models, smallest first within each family. */
export const catalogue: readonly CatalogueEntry[] = [
  entry(
    {
      id: "smollm2-135m",
      name: "SmolLM2 135M Instruct",
      repo: "bartowski/SmolLM2-135M-Instruct-GGUF",
      file: "SmolLM2-135M-Instruct-Q8_0.gguf",
      licence: APACHE,
      contextLength: 8192,
      quantization: "Q8_0",
    },
    { layers: 30, hidden: 576, ffn: 1536, heads: 9, kvHeads: 3, headDim: 64, vocab: 49152, tied: true },
  ),
  entry(
    {
      id: "smollm2-360m",
      name: "SmolLM2 360M Instruct",
      repo: "HuggingFaceTB/SmolLM2-360M-Instruct-GGUF",
      file: "smollm2-360m-instruct-q8_0.gguf",
      licence: APACHE,
      contextLength: 8192,
      quantization: "Q8_0",
    },
    { layers: 32, hidden: 960, ffn: 2560, heads: 15, kvHeads: 5, headDim: 64, vocab: 49152, tied: true },
  ),
  entry(
    {
      id: "smollm2-1.7b",
      name: "SmolLM2 1.7B Instruct",
      repo: "HuggingFaceTB/SmolLM2-1.7B-Instruct-GGUF",
      file: "smollm2-1.7b-instruct-q4_k_m.gguf",
      licence: APACHE,
      contextLength: 8192,
      quantization: "Q4_K_M",
    },
    { layers: 24, hidden: 2048, ffn: 8192, heads: 32, kvHeads: 32, headDim: 64, vocab: 49152, tied: true },
  ),
  entry(
    {
      id: "smollm3-3b",
      name: "SmolLM3 3B",
      repo: "ggml-org/SmolLM3-3B-GGUF",
      file: "SmolLM3-Q4_K_M.gguf",
      licence: APACHE,
      contextLength: 65536,
      quantization: "Q4_K_M",
    },
    { layers: 36, hidden: 2048, ffn: 11008, heads: 16, kvHeads: 4, headDim: 128, vocab: 128256, tied: true },
  ),
  entry(
    {
      id: "llama-3.2-1b",
      name: "Llama 3.2 1B Instruct",
      repo: "bartowski/Llama-3.2-1B-Instruct-GGUF",
      file: "Llama-3.2-1B-Instruct-Q4_K_M.gguf",
      licence: LLAMA,
      contextLength: 131072,
      quantization: "Q4_K_M",
    },
    { layers: 16, hidden: 2048, ffn: 8192, heads: 32, kvHeads: 8, headDim: 64, vocab: 128256, tied: true },
  ),
  entry(
    {
      id: "llama-3.2-3b",
      name: "Llama 3.2 3B Instruct",
      repo: "bartowski/Llama-3.2-3B-Instruct-GGUF",
      file: "Llama-3.2-3B-Instruct-Q4_K_M.gguf",
      licence: LLAMA,
      contextLength: 131072,
      quantization: "Q4_K_M",
    },
    { layers: 28, hidden: 3072, ffn: 8192, heads: 24, kvHeads: 8, headDim: 128, vocab: 128256, tied: true },
  ),
  entry(
    {
      id: "qwen2.5-0.5b",
      name: "Qwen2.5 0.5B Instruct",
      repo: "bartowski/Qwen2.5-0.5B-Instruct-GGUF",
      file: "Qwen2.5-0.5B-Instruct-Q4_K_M.gguf",
      licence: APACHE,
      contextLength: 32768,
      quantization: "Q4_K_M",
    },
    { layers: 24, hidden: 896, ffn: 4864, heads: 14, kvHeads: 2, headDim: 64, vocab: 151936, tied: true },
  ),
  entry(
    {
      id: "qwen2.5-1.5b",
      name: "Qwen2.5 1.5B Instruct",
      repo: "bartowski/Qwen2.5-1.5B-Instruct-GGUF",
      file: "Qwen2.5-1.5B-Instruct-Q4_K_M.gguf",
      licence: APACHE,
      contextLength: 32768,
      quantization: "Q4_K_M",
    },
    { layers: 28, hidden: 1536, ffn: 8960, heads: 12, kvHeads: 2, headDim: 128, vocab: 151936, tied: true },
  ),
  entry(
    {
      id: "qwen2.5-3b",
      name: "Qwen2.5 3B Instruct",
      repo: "bartowski/Qwen2.5-3B-Instruct-GGUF",
      file: "Qwen2.5-3B-Instruct-Q4_K_M.gguf",
      licence: "Qwen Research License",
      contextLength: 32768,
      quantization: "Q4_K_M",
    },
    { layers: 36, hidden: 2048, ffn: 11008, heads: 16, kvHeads: 2, headDim: 128, vocab: 151936, tied: true },
  ),
  entry(
    {
      id: "qwen2.5-7b",
      name: "Qwen2.5 7B Instruct",
      repo: "bartowski/Qwen2.5-7B-Instruct-GGUF",
      file: "Qwen2.5-7B-Instruct-Q4_K_M.gguf",
      licence: APACHE,
      contextLength: 32768,
      quantization: "Q4_K_M",
    },
    { layers: 28, hidden: 3584, ffn: 18944, heads: 28, kvHeads: 4, headDim: 128, vocab: 152064, tied: false },
  ),
  entry(
    {
      id: "qwen3-0.6b",
      name: "Qwen3 0.6B",
      repo: "Qwen/Qwen3-0.6B-GGUF",
      file: "Qwen3-0.6B-Q8_0.gguf",
      licence: APACHE,
      contextLength: 40960,
      quantization: "Q8_0",
    },
    { layers: 28, hidden: 1024, ffn: 3072, heads: 16, kvHeads: 8, headDim: 128, vocab: 151936, tied: true },
  ),
  entry(
    {
      id: "qwen3-1.7b",
      name: "Qwen3 1.7B",
      repo: "Qwen/Qwen3-1.7B-GGUF",
      file: "Qwen3-1.7B-Q8_0.gguf",
      licence: APACHE,
      contextLength: 40960,
      quantization: "Q8_0",
    },
    { layers: 28, hidden: 2048, ffn: 6144, heads: 16, kvHeads: 8, headDim: 128, vocab: 151936, tied: true },
  ),
  entry(
    {
      id: "qwen3-4b",
      name: "Qwen3 4B",
      repo: "Qwen/Qwen3-4B-GGUF",
      file: "Qwen3-4B-Q4_K_M.gguf",
      licence: APACHE,
      contextLength: 40960,
      quantization: "Q4_K_M",
    },
    { layers: 36, hidden: 2560, ffn: 9728, heads: 32, kvHeads: 8, headDim: 128, vocab: 151936, tied: true },
  ),
  entry(
    {
      id: "gemma-2-2b",
      name: "Gemma 2 2B",
      repo: "bartowski/gemma-2-2b-it-GGUF",
      file: "gemma-2-2b-it-Q4_K_M.gguf",
      licence: GEMMA,
      contextLength: 8192,
      quantization: "Q4_K_M",
    },
    { layers: 26, hidden: 2304, ffn: 9216, heads: 8, kvHeads: 4, headDim: 256, vocab: 256000, tied: true },
  ),
  entry(
    {
      id: "gemma-3-1b",
      name: "Gemma 3 1B",
      repo: "unsloth/gemma-3-1b-it-GGUF",
      file: "gemma-3-1b-it-Q4_K_M.gguf",
      licence: GEMMA,
      contextLength: 32768,
      quantization: "Q4_K_M",
    },
    { layers: 26, hidden: 1152, ffn: 6912, heads: 4, kvHeads: 1, headDim: 256, vocab: 262144, tied: true },
  ),
  entry(
    {
      id: "gemma-3-4b",
      name: "Gemma 3 4B",
      repo: "unsloth/gemma-3-4b-it-GGUF",
      file: "gemma-3-4b-it-Q4_K_M.gguf",
      licence: GEMMA,
      contextLength: 131072,
      quantization: "Q4_K_M",
    },
    { layers: 34, hidden: 2560, ffn: 10240, heads: 8, kvHeads: 4, headDim: 256, vocab: 262208, tied: true },
  ),
  entry(
    {
      id: "phi-3.5-mini",
      name: "Phi-3.5 mini Instruct",
      repo: "bartowski/Phi-3.5-mini-instruct-GGUF",
      file: "Phi-3.5-mini-instruct-Q4_K_M.gguf",
      licence: "MIT",
      contextLength: 131072,
      quantization: "Q4_K_M",
    },
    { layers: 32, hidden: 3072, ffn: 8192, heads: 32, kvHeads: 32, headDim: 96, vocab: 32064, tied: false, fused: true },
  ),
  entry(
    {
      id: "phi-4-mini",
      name: "Phi-4 mini Instruct",
      repo: "unsloth/Phi-4-mini-instruct-GGUF",
      file: "Phi-4-mini-instruct-Q4_K_M.gguf",
      licence: "MIT",
      contextLength: 131072,
      quantization: "Q4_K_M",
    },
    { layers: 32, hidden: 3072, ffn: 8192, heads: 24, kvHeads: 8, headDim: 128, vocab: 200064, tied: true, fused: true },
  ),
  entry(
    {
      id: "granite-3.3-2b",
      name: "Granite 3.3 2B Instruct",
      repo: "ibm-granite/granite-3.3-2b-instruct-GGUF",
      file: "granite-3.3-2b-instruct-Q4_K_M.gguf",
      licence: APACHE,
      contextLength: 131072,
      quantization: "Q4_K_M",
    },
    { layers: 40, hidden: 2048, ffn: 8192, heads: 32, kvHeads: 8, headDim: 64, vocab: 49159, tied: true },
  ),
  entry(
    {
      id: "mistral-7b",
      name: "Mistral 7B Instruct v0.3",
      repo: "bartowski/Mistral-7B-Instruct-v0.3-GGUF",
      file: "Mistral-7B-Instruct-v0.3-Q4_K_M.gguf",
      licence: APACHE,
      contextLength: 32768,
      quantization: "Q4_K_M",
    },
    { layers: 32, hidden: 4096, ffn: 14336, heads: 32, kvHeads: 8, headDim: 128, vocab: 32768, tied: false },
  ),
];
