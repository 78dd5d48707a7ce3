/**
 * minions-web: a small local model on WebGPU reads the document, a cloud model thinks.
 *
 * @packageDocumentation
 */
export { ChatStream } from "./chat.js";
export type { CatalogueEntry, ModelShape } from "./catalogue.js";
export type {
  ChatCompletion,
  ChatCompletionChoice,
  ChatCompletionChunk,
  ChatCompletionPiece,
  ChatCompletions,
  ChatCreateParams,
  ChatFinishReason,
  ChatMessage,
  CompletionUsage,
  Logprobs,
  RequestOptions,
  ResponseFormat,
  ResponseSchema,
  TokenLogprob,
  Tool,
  ToolCall,
  ToolCallPiece,
  ToolChoice,
  TopLogprob,
} from "./chat.js";
export { DownloadController } from "./controller.js";
export { Engine } from "./engine.js";
export type { EmbedOptions, LoadOptions } from "./engine.js";
export { MinionsError } from "./errors.js";
export { estimate } from "./estimate.js";
export type { Estimate, EstimateOptions, TimedForecast } from "./estimate.js";
export type * from "./events.js";
export type { DownloadOptions } from "./loading.js";
export type { ChatModel, ChatReply, ChatRequest } from "./model.js";
export { models } from "./models.js";
export type { CachedModel, StorageUsage } from "./models.js";
export type * from "./options.js";
export { providers } from "./presets.js";
export type { ProviderInfo } from "./presets.js";
export { Auto, LocalOnly, Minion, Minions, RemoteOnly } from "./protocols.js";
export type { Participants, WorkerOption } from "./protocols.js";
export { anthropic, azure, gemini, ollama, openai, openaiCompatible, provider, recorded } from "./providers.js";
export type {
  AzureOptions,
  CloudProvider,
  CompatibleOptions,
  JsonMode,
  LocalOptions,
  LocalServer,
  Provider,
  ProviderName,
  ProviderOptions,
  ReasoningEffort,
  RecordedReply,
  Recording,
} from "./providers.js";
export type { Price, Run, RunRequest } from "./run.js";
export type { RemoteModel } from "./sources.js";
export type { Support } from "./support.js";
export type {
  Adapter,
  Device,
  DownloadProgress,
  FetchTerms,
  HubModel,
  KernelOverlay,
  KvFormat,
  ModelAddress,
  ModelInfo,
  ModelSource,
  Pooling,
  Progress,
  Quantization,
  Speed,
} from "./types.js";
