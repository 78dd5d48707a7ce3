/**
 * minions-web: a small local model on WebGPU reads the document, a cloud model thinks.
 *
 * @packageDocumentation
 */
export { ChatStream } from "./chat.js";
export type {
  ChatCompletion,
  ChatCompletionChunk,
  ChatCompletions,
  ChatCreateParams,
  CompletionUsage,
  RequestOptions,
} from "./chat.js";
export { Engine } from "./engine.js";
export type { LoadOptions } from "./engine.js";
export { MinionsError } from "./errors.js";
export type { ErrorCode } from "./errors.js";
export type { Decision, Fallback, MinionEvent, NoAnswer, Outcome, RunUsage, Stage, Transcript, Turn } from "./events.js";
export { Minion } from "./minion.js";
export type { MinionOptions, Run, RunRequest } from "./minion.js";
export { openai, openaiCompatible, recorded } from "./providers.js";
export type { CompatibleOptions, Provider, ProviderOptions, RecordedReply, Recording } from "./providers.js";
export type { Support } from "./support.js";
export type { Adapter, Device, FinishReason, Message, ModelInfo, ModelSource, Progress, Usage } from "./types.js";
