/** Models of the app's own: what a supervisor or a worker is that this package does not bring. */
import type { FinishReason, Message, Usage } from "./events.js";
import type { ResponseFormat } from "./chat.js";

/**
 * Anything that continues a conversation: another library's model, a service of yours that speaks no wire that we know, a cluster
 * of workers. It lives in the page and is called there.
 *
 * ```ts
 * const supervisor: ChatModel = {
 *   async chat({ messages }, { signal }) {
 *     const reply = await fetch("/my/model", { method: "POST", body: JSON.stringify(messages), signal });
 *     return { content: await reply.text() };
 *   },
 * };
 * ```
 */
export interface ChatModel {
  /**
   * Continues the conversation. As a worker it is called for many jobs at a time, as many as the protocol's `maxConcurrency`.
   * What it throws ends the run; a {@link MinionsError} keeps its code, anything else is a `provider_error`.
   */
  chat(request: ChatRequest, options: { signal: AbortSignal }): Promise<ChatReply>;
  /** As a worker: the most tokens that it takes in at once, so that chunks are no longer than that. */
  contextLength?: number | undefined;
}

/** A conversation to continue. Names are OpenAI's; whatever is left out is left to the model. */
export interface ChatRequest {
  /** The conversation so far; the last message is the one to answer. */
  messages: Message[];
  /** The most tokens to produce. */
  max_tokens?: number;
  /** 0 is greedy; higher is more random. */
  temperature?: number;
  /** Sample among the `top_k` most probable tokens only. */
  top_k?: number;
  /** Sample among the most probable tokens that together hold this share of the probability. */
  top_p?: number;
  /** Drop tokens less probable than this share of the most probable one. */
  min_p?: number;
  /** Taken from the score of every token of the reply so far, once for each time it stands there. */
  frequency_penalty?: number;
  /** Taken from the score of every token that stands in the reply so far. */
  presence_penalty?: number;
  /** Above 1, makes every token of prompt and reply less likely to come again. */
  repetition_penalty?: number;
  /** What is added to the scores of single tokens, by token id. */
  logit_bias?: Record<string, number>;
  /** Makes sampling repeatable. */
  seed?: number;
  /** How many replies to sample. Protocols ask for one. */
  n?: number;
  /** Whether to tell how probable each token was. Protocols do not ask for that. */
  logprobs?: boolean;
  /** How many alternatives to tell for each token. Protocols do not ask for that. */
  top_logprobs?: number;
  /** The reply ends before any of these texts. */
  stop?: string[];
  /** How urgent it is to the local model. Protocols say nothing of it. */
  priority?: number;
  /** What form the reply should have. Protocols read replies with care: a model that cannot be held to a form may ignore it. */
  response_format?: ResponseFormat;
}

/** A reply of a {@link ChatModel}. */
export interface ChatReply {
  /** The text of the reply. */
  content: string;
  /** Why it ended; `stop` unless set. With `length`, a job is put again with more room. */
  finish_reason?: FinishReason | undefined;
  /** What the call cost; estimated unless set. */
  usage?: Partial<Usage> | undefined;
}
