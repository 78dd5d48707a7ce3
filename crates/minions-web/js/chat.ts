/** Chat completions of the local model, in OpenAI's shapes. */
import { MinionsError } from "./errors.js";
import { Feed } from "./feed.js";
import type { Client } from "./rpc.js";
import type { FinishReason, Message } from "./events.js";
import type { Methods, Piece, WireRequest } from "./wire.js";

/** What to answer and how. Names are OpenAI's; whatever is left out is left to the model. */
export interface ChatCreateParams {
  /** The conversation so far; the last message is the one to answer. */
  messages: Message[];
  /** `true` for the reply piece by piece. */
  stream?: boolean | null;
  /** The most tokens to produce. */
  max_tokens?: number | null;
  /** OpenAI's newer name of `max_tokens`. */
  max_completion_tokens?: number | null;
  /** 0 is greedy; higher is more random. */
  temperature?: number | null;
  /** Sample among the `top_k` most probable tokens only. */
  top_k?: number | null;
  /** Sample among the most probable tokens that together hold this share of the probability. */
  top_p?: number | null;
  /** Drop tokens less probable than this share of the most probable one. */
  min_p?: number | null;
  /** Makes sampling repeatable. */
  seed?: number | null;
  /** The reply ends before any of these texts. */
  stop?: string | string[] | null;
  /** Accepted for compatibility; the engine has one model. */
  model?: string;
  /** Accepted for compatibility; the last chunk always has the usage. */
  stream_options?: { include_usage?: boolean } | null;
}

/** Options of a call that are not part of the request. */
export interface RequestOptions {
  /** Aborts the call, which then rejects with the signal's reason. */
  signal?: AbortSignal | null | undefined;
}

/** What a call cost in tokens. */
export interface CompletionUsage {
  prompt_tokens: number;
  completion_tokens: number;
  total_tokens: number;
  /** `cached_tokens`: the part of the prompt that was already in the engine's cache. */
  prompt_tokens_details: { cached_tokens: number };
}

/** A complete reply. */
export interface ChatCompletion {
  id: string;
  object: "chat.completion";
  /** Seconds since 1970. */
  created: number;
  model: string;
  choices: [{ index: 0; message: { role: "assistant"; content: string }; finish_reason: FinishReason; logprobs: null }];
  usage: CompletionUsage;
}

/** A piece of a reply. The last one has the finish reason and the usage. */
export interface ChatCompletionChunk {
  id: string;
  object: "chat.completion.chunk";
  /** Seconds since 1970. */
  created: number;
  model: string;
  choices: [
    { index: 0; delta: { role?: "assistant"; content?: string }; finish_reason: FinishReason | null; logprobs: null },
  ];
  usage: CompletionUsage | null;
}

/**
 * A reply as it is produced.
 *
 * Leaving a `for await` over it early aborts the generation.
 */
export class ChatStream implements AsyncIterable<ChatCompletionChunk> {
  readonly #feed: Feed<ChatCompletionChunk>;
  readonly #completion: Promise<ChatCompletion>;

  /** @internal */
  constructor(feed: Feed<ChatCompletionChunk>, completion: Promise<ChatCompletion>) {
    this.#feed = feed;
    this.#completion = completion;
  }

  [Symbol.asyncIterator](): AsyncIterator<ChatCompletionChunk, void, undefined> {
    return this.#feed[Symbol.asyncIterator]();
  }

  /** The same chunks as a stream. Cancelling it aborts the generation. */
  toReadableStream(): ReadableStream<ChatCompletionChunk> {
    return this.#feed.toReadableStream();
  }

  /** The whole reply, once it is there. The chunks need not be read for that. */
  finalCompletion(): Promise<ChatCompletion> {
    return this.#completion;
  }

  /** Stops the generation. Whoever waits for more gets `reason`, by default an `AbortError`. */
  abort(reason?: unknown): void {
    this.#feed.abort(reason);
  }
}

/** `engine.chat.completions`. */
export class ChatCompletions {
  readonly #client: Client<Methods>;
  readonly #model: string;

  /** @internal */
  constructor(client: Client<Methods>, model: string) {
    this.#client = client;
    this.#model = model;
  }

  /**
   * Continues a conversation. One reply is generated at a time; further calls wait in order.
   *
   * @throws {MinionsError} `context_overflow`, `invalid_request`, `device_lost`, `out_of_memory`, `internal`
   */
  create(body: ChatCreateParams & { stream: true }, options?: RequestOptions): Promise<ChatStream>;
  create(body: ChatCreateParams & { stream?: false | null }, options?: RequestOptions): Promise<ChatCompletion>;
  create(body: ChatCreateParams, options?: RequestOptions): Promise<ChatStream | ChatCompletion>;
  async create(body: ChatCreateParams, options: RequestOptions = {}): Promise<ChatStream | ChatCompletion> {
    const request = toRequest(body);
    const reply = new Reply(this.#model);
    const feed = new Feed(
      this.#client,
      (stream) => this.#client.call("generate", { stream, request }),
      (piece) => reply.receive(piece as Piece),
      options.signal,
    );
    const completion = feed.ended.then(() => reply.completion());
    completion.catch(() => {});
    if (!body.stream) return completion;
    await feed.started;
    return new ChatStream(feed, completion);
  }
}

/** A reply as it grows. */
class Reply {
  readonly #head: { id: string; created: number; model: string };
  #content: string | undefined;
  #end: { finish_reason: FinishReason; usage: CompletionUsage } | undefined;

  constructor(model: string) {
    this.#head = { id: `chatcmpl-${crypto.randomUUID()}`, created: Math.floor(Date.now() / 1000), model };
  }

  receive(piece: Piece): ChatCompletionChunk {
    const delta: { role?: "assistant"; content?: string } = this.#content === undefined ? { role: "assistant" } : {};
    this.#content ??= "";
    if ("content" in piece) {
      delta.content = piece.content;
      this.#content += piece.content;
      return this.#chunk(delta, null, null);
    }
    const { prompt_tokens, completion_tokens, cached_tokens } = piece.usage;
    const total_tokens = prompt_tokens + completion_tokens;
    const usage = { prompt_tokens, completion_tokens, total_tokens, prompt_tokens_details: { cached_tokens } };
    this.#end = { finish_reason: piece.finish_reason, usage };
    return this.#chunk(delta, piece.finish_reason, usage);
  }

  completion(): ChatCompletion {
    if (!this.#end) throw new MinionsError("internal", "the reply ended without a finish reason");
    const { finish_reason, usage } = this.#end;
    const message = { role: "assistant", content: this.#content ?? "" } as const;
    return { ...this.#head, object: "chat.completion", choices: [{ index: 0, message, finish_reason, logprobs: null }], usage };
  }

  #chunk(
    delta: { role?: "assistant"; content?: string },
    finish_reason: FinishReason | null,
    usage: CompletionUsage | null,
  ): ChatCompletionChunk {
    const choice = { index: 0, delta, finish_reason, logprobs: null } as const;
    return { ...this.#head, object: "chat.completion.chunk", choices: [choice], usage };
  }
}

/** Options that mean the same to `minions-chat`, name by name. */
const PLAIN = ["max_tokens", "temperature", "top_k", "top_p", "min_p", "seed"] as const;

/** Options that are used here, or accepted and ignored. */
const OTHER: readonly string[] = ["messages", "stream", "max_completion_tokens", "stop", "model", "stream_options"];

/** An option that would have no effect is refused: whoever sets it counts on it. */
function toRequest(body: ChatCreateParams): WireRequest {
  const unknown = Object.entries(body).find(
    ([name, value]) => value != null && !OTHER.includes(name) && !(PLAIN as readonly string[]).includes(name),
  );
  if (unknown) throw new MinionsError("invalid_request", `the local model has no option "${unknown[0]}"`);
  const request: WireRequest = { messages: body.messages };
  for (const name of PLAIN) {
    const value = body[name];
    if (value != null) request[name] = value;
  }
  if (body.max_completion_tokens != null) request.max_tokens = body.max_completion_tokens;
  if (body.stop != null) request.stop = typeof body.stop === "string" ? [body.stop] : body.stop;
  return request;
}
