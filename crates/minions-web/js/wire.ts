/** What page and worker say to each other: the methods of the worker with their types. */
import type { Forecast, History, ProtocolName, Speaker, Transcript, Usage } from "./events.js";
import type { WireError } from "./errors.js";
import type { ChatReply, ChatRequest } from "./model.js";
import type { Privacy } from "./options.js";
import type { JsonMode, ProviderName, ReasoningEffort, Recording } from "./providers.js";
import type { ChatFinishReason, ChatMessage, TokenLogprob, Tool, ToolCall, ToolChoice } from "./chat.js";
import type { Adapter, Device, KvFormat, ModelInfo, Pooling, Progress, Quantization, Speed } from "./types.js";

/** A model as the worker gets it. */
export type WireSource = WireAddress | { files: Record<string, Blob> };

/** Where a model can be fetched, and how: addresses are absolute. */
export interface WireAddress {
  url: string;
  mirrors: string[];
  sha256: string | Record<string, string>;
  token: string | null;
  cache: "opfs" | "none";
  verify: boolean;
}

/** How to load it. `null` leaves a choice to the engine. */
export interface WireLoad {
  device: Device;
  contextLength: number | null;
  cacheTokens: number | null;
  spillBytes: number | null;
  kvCache: KvFormat | null;
  quantize: Quantization | null;
  gpuTimeoutMs: number | null;
}

/** A conversation for the engine, with the tools that it may ask for. */
export interface WireRequest extends Omit<ChatRequest, "messages"> {
  messages: ChatMessage[];
  tools?: Tool[];
  tool_choice?: ToolChoice;
  parallel_tool_calls?: boolean;
}

/** A part of a reply: the next text, or its end. */
export type Piece = { content: string } | ReplyEnd;

/** The end of a reply, and the other replies that were asked for. */
export interface ReplyEnd {
  finish_reason: ChatFinishReason;
  usage: Usage;
  tool_calls?: ToolCall[];
  logprobs?: TokenLogprob[];
  alternatives: Alternative[];
}

/** Another reply. */
export interface Alternative {
  content: string;
  finish_reason: ChatFinishReason;
  tool_calls?: ToolCall[];
  logprobs?: TokenLogprob[];
}

/** A supervisor with everything that the worker needs to ask it. */
export type WireSupervisor =
  | {
      kind: "cloud";
      /** `null` for whatever is at the address. */
      provider: ProviderName | null;
      model: string;
      api_key: string;
      base_url: string | null;
      max_retries: number | null;
      timeout_ms: number | null;
      json_mode: JsonMode | null;
      reasoning_effort: ReasoningEffort | null;
    }
  | { kind: "recorded"; recording: Recording }
  /** An object of the page's, asked by {@link Ask}. */
  | { kind: "page" };

/** A protocol and those of its options that are set. */
export type WireProtocol = { protocol: ProtocolName | "auto" };

/** What to find out, as `minions-protocol` reads it. */
export interface WireQuestion {
  task: string;
  context: string[];
  metadata: string | null;
  history: History;
  privacy: Privacy | null;
  price: { input: number; cached_input: number | null; output: number } | null;
  seed: number;
  /** What an earlier run of this had come to. */
  earlier: Transcript;
}

/** Asks a model that is an object of the page's. */
export type Ask = (speaker: Speaker, request: ChatRequest) => Promise<ChatReply>;

/** An item of a run's stream that is no event: the page is to ask a model of its own and to `answer`. */
export interface WireAsk {
  ask: number;
  speaker: Speaker;
  request: ChatRequest;
}

/** What to predict. */
export interface WirePrediction {
  /** The options of `Auto` that are set. */
  auto: object;
  question: WireQuestion;
  /** The supervisor's model, for its price. */
  model: string | null;
}

/** What is predicted. */
export interface Predicted {
  protocol: ProtocolName;
  reason: string;
  forecasts: Forecast[];
}

/** A run of any protocol. */
export interface WireRun {
  protocol: WireProtocol;
  /** `null` where nothing is asked of one. */
  supervisor: WireSupervisor | null;
  /** The worker, where it is an object of the page's and not the engine. */
  worker: { context_length: number | null } | null;
  question: WireQuestion;
}

/** Work given to the device since the model was loaded. */
export interface Counters {
  dispatches: number;
  /** Captured steps replayed, each one submit. */
  replays: number;
  readBacks: number;
  readBackBytes: number;
}

/** What all replies took since the model was loaded. */
export interface Tally {
  /** Tokens of prompts that were read, rather than found in the cache. */
  prefillTokens: number;
  prefillSteps: number;
  decodeSteps: number;
  /** Rows of those, drafts included. */
  decodeRows: number;
  /** Tokens that were drafted from the prompt, and how many of them were right. */
  draftedTokens: number;
  acceptedTokens: number;
  /** Pages of the cache that replies hold now. */
  heldPages: number;
  peakPages: number;
  /** Pages that were given up for others' sake, of those the ones that were kept in memory, and those brought back. */
  evictedPages: number;
  spilledPages: number;
  restoredPages: number;
  /** Replies that wait for room now. */
  waitingJobs: number;
  /** How often the device failed and replies went on on another. */
  recoveries: number;
}

/** How one kernel compares with its twin. */
export interface KernelCheck {
  /** The kernel's specialisation and the shape. */
  name: string;
  /** The largest error relative to the larger of 1 and the expected value; `null` if it is infinite. */
  error: number | null;
  /** The largest error allowed. */
  tolerance: number;
  /** What is wrong; `null` when the kernel agrees with its twin. */
  failure: string | null;
}

/** How fast one kernel is. */
export interface KernelSpeed {
  kernel: string;
  shape: string;
  /** A launch. */
  seconds: number;
  /** Bytes that it must read and write at least. */
  bytes: number;
  /** Multiplications and additions that the result takes. */
  flops: number;
}

/** The methods of the worker. A worker holds one engine. */
export type Methods = {
  load: {
    params: {
      /** What the caller calls the engine. */
      engine: number;
      source: WireSource;
      options: WireLoad;
      wasmUrl: string | null;
    };
    result: { model: ModelInfo; adapter: Adapter };
    event: Progress;
  };
  /** Fetches a model into the browser's storage. */
  download: { params: { source: WireAddress; wasmUrl: string | null }; result: void; event: Progress };
  /** Pauses what is being fetched, or lets it go on. */
  pause: { params: { isPaused: boolean }; result: void; event: never };
  /** Frees the engine of this name, if the worker holds it. */
  unload: { params: { engine: number }; result: void; event: never };
  /** Starts a reply as a stream of `Piece`. */
  generate: { params: { stream: number; request: WireRequest }; result: void; event: never };
  /** Starts a run as a stream of events, and of what models of the page's are asked. */
  run: { params: { stream: number; run: WireRun }; result: void; event: never };
  /** What a model of the page's said to what it was asked in a run, or how it failed. */
  answer: { params: { stream: number; ask: number; reply: ChatReply | { error: WireError } }; result: void; event: never };
  /** What each protocol would take, and which one would be chosen. */
  predict: { params: WirePrediction; result: Predicted; event: never };
  /** How fast the model is here, measured or remembered. */
  measure: { params: null; result: Speed; event: never };
  /** The next items of a stream: all that are there, or the first to come. */
  next: { params: { stream: number }; result: { items: unknown[]; done: boolean }; event: never };
  /** Ends a stream; one that has ended already stays so. */
  abort: { params: { stream: number }; result: void; event: never };
  /** The names of the models that a supervisor's provider lists. */
  models: { params: WireSupervisor; result: string[]; event: never };
  /** Token ids of a conversation as the model's template renders it. For tests. */
  tokenize: { params: WireRequest; result: Uint32Array; event: never };
  /** A vector for each text, one after the other. */
  embed: { params: { texts: string[]; pooling: Pooling }; result: Float32Array; event: never };
  /** Scores of the next token after each id, row-major. For tests. */
  logits: { params: Uint32Array; result: Float32Array; event: never };
  /** Compares every kernel with its twin on this GPU. For tests; needs no model. */
  checkKernels: { params: { wasmUrl: string | null }; result: KernelCheck[]; event: never };
  /** Measures the kernels on this GPU. For benchmarks; needs no model. */
  benchKernels: { params: { wasmUrl: string | null; quick: boolean }; result: KernelSpeed[]; event: never };
  /** For tests. */
  tally: { params: null; result: Tally; event: never };
  /** For tests. */
  counters: { params: null; result: Counters; event: never };
  /** The size of the wasm memory. For tests. */
  memoryBytes: { params: null; result: number; event: never };
  /** Runs MinionS without models, several times: the jobs of one run, and the milliseconds of the fastest. For benchmarks. */
  rehearse: { params: { wasmUrl: string | null }; result: { jobs: number; ms: number }; event: never };
};
