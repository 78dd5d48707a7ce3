/** Chat completions of the local model, in OpenAI's shapes. */
import { MinionsError } from "./errors.js";
import { Feed } from "./feed.js";
import type { Host } from "./host.js";
import type { FinishReason, Message } from "./events.js";
import type { Alternative, Piece, ReplyEnd, WireRequest } from "./wire.js";

/** What to answer and how. Names are OpenAI's; whatever is left out is left to the model. */
export interface ChatCreateParams {
  /** The conversation so far; the last message is the one to answer. */
  messages: ChatMessage[];
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
  /** Taken from the score of every token of the reply so far, once for each time it stands there; -2 to 2. */
  frequency_penalty?: number | null;
  /** Taken from the score of every token that stands in the reply so far; -2 to 2. */
  presence_penalty?: number | null;
  /** Above 1, makes every token of prompt and reply less likely to come again. */
  repetition_penalty?: number | null;
  /** What is added to the scores of single tokens, by token id; -100 to 100. */
  logit_bias?: Record<string, number> | null;
  /** Makes sampling repeatable. */
  seed?: number | null;
  /** How many replies to sample. The chunks of a stream are the first one's; `finalCompletion()` has them all. */
  n?: number | null;
  /** Whether to tell how probable each token was. In a stream the last chunk has it. */
  logprobs?: boolean | null;
  /** How many alternatives to tell for each token, with `logprobs`; up to 20. */
  top_logprobs?: number | null;
  /**
   * Where calls wait for room on the device, those of the highest priority are served first; a whole number, 0 unless set. The
   * jobs of a run have 0.
   */
  priority?: number | null;
  /** The reply ends before any of these texts. */
  stop?: string | string[] | null;
  /** What form the reply must have. It is held to it token by token. */
  response_format?: ResponseFormat | null;
  /** Functions that the model may ask you to call. Every call that it makes fits its function's schema. */
  tools?: Tool[] | null;
  /** Whether it may, must or must not ask for a call, or for which; `"auto"` unless set. */
  tool_choice?: ToolChoice | null;
  /** Whether it may ask for several calls at a time. Unless set it may, but for a function that `tool_choice` names. */
  parallel_tool_calls?: boolean | null;
  /** Accepted for compatibility; the engine has one model. */
  model?: string;
  /** Accepted for compatibility; the last chunk always has the usage. */
  stream_options?: {
    /** Whether the last chunk is to have the usage. It has it in any case. */
    include_usage?: boolean;
  } | null;
}

/** One turn of a conversation: text, or calls of {@link Tool}s and what they gave. */
export type ChatMessage =
  | Message
  | {
      /** The model. */
      role: "assistant";
      /** What is said beside the calls. */
      content?: string | null;
      /** The calls, as a reply has them. */
      tool_calls: ToolCall[];
    }
  | {
      /** A function of yours. */
      role: "tool";
      /** What the call gave. */
      content: string;
      /** Which call. */
      tool_call_id: string;
    };

/** A function of yours that the model may ask for. You call it, and put what it gives into the conversation. */
export interface Tool {
  /** Functions are all there is. */
  type: "function";
  /** The function. */
  function: {
    /** Letters, digits, `_` and `-`; at most 64 of them. */
    name: string;
    /** What it does, and when to call it. */
    description?: string;
    /**
     * The JSON Schema of its arguments, which are an object; none unless set. Where it lists `properties` and says nothing of
     * others, there are no others.
     */
    parameters?: object;
    /** Accepted for compatibility: the schema is always kept to. */
    strict?: boolean | null;
  };
}

/** Whether the model may, must or must not ask for a call, or the function that it must ask for. */
export type ToolChoice =
  | "auto"
  | "none"
  | "required"
  | {
      /** Functions are all there is. */
      type: "function";
      /** The function. */
      function: {
        /** Its name. */
        name: string;
      };
    };

/** A call that the model asks for. */
export interface ToolCall {
  /** Which call of the conversation it is. */
  id: string;
  /** Functions are all there is. */
  type: "function";
  /** The function and its arguments. */
  function: {
    /** Its name. */
    name: string;
    /** The arguments: an object, in JSON. */
    arguments: string;
  };
}

/** Why a reply ended; with `tool_calls`, the model waits for what its calls give. */
export type ChatFinishReason = FinishReason | "tool_calls";

/** What form a reply must have: JSON, text that a regular expression matches as a whole, or one of some texts. */
export type ResponseFormat =
  | { type: "text" }
  | { type: "json_object" }
  | {
      type: "json_schema";
      /** The schema, as OpenAI wraps it. */
      json_schema: ResponseSchema;
    }
  | {
      type: "regex";
      /** The regular expression. */
      pattern: string;
    }
  | {
      type: "choice";
      /** The texts. */
      choices: string[];
    };

/** The JSON Schema of a reply. */
export interface ResponseSchema {
  /** Accepted for compatibility: models are not told it. */
  name: string;
  /** The schema itself. */
  schema: object | boolean;
  /** Accepted for compatibility: the schema is always kept to. */
  strict?: boolean;
  /** Texts by the names of properties: such a property is a piece of its text, word for word. */
  quote_of?: Record<string, string>;
}

/** Options of a call that are not part of the request. */
export interface RequestOptions {
  /** Aborts the call, which then rejects with the signal's reason. */
  signal?: AbortSignal | null | undefined;
}

/** What a call cost in tokens. */
export interface CompletionUsage {
  /** Tokens that were read. */
  prompt_tokens: number;
  /** Tokens that were written, thoughts included. */
  completion_tokens: number;
  /** Both. */
  total_tokens: number;
  /** More about those that were read. */
  prompt_tokens_details: {
    /** The part of the prompt that was already in the engine's cache. */
    cached_tokens: number;
  };
}

/** How probable a token was: the natural logarithm. */
export interface TopLogprob {
  /** Its text; of bytes that are none, what stands for them. */
  token: string;
  /** The logarithm; 0 is certain. */
  logprob: number;
  /** Its bytes, which may be part of a character; `null` for tokens without a text. */
  bytes: number[] | null;
}

/** A token of a reply, and the most probable ones in its place. */
export interface TokenLogprob extends TopLogprob {
  /** As many as were asked for, the most probable first. */
  top_logprobs: TopLogprob[];
}

/** The log probabilities of a reply; `null` unless asked for. */
export type Logprobs = {
  /** The reply's tokens in order. */
  content: TokenLogprob[];
} | null;

/** One of the replies. */
export interface ChatCompletionChoice {
  /** Its place among the choices. */
  index: number;
  /** The reply as a message, to go on with. */
  message: {
    /** Always the assistant's. */
    role: "assistant";
    /** The text; empty where there are only calls. */
    content: string;
    /** The calls that the model asks for, if any. One that `max_tokens` cuts short is not among them. */
    tool_calls?: ToolCall[];
  };
  /** Why the reply ends where it does. */
  finish_reason: ChatFinishReason;
  /** How probable its tokens were. */
  logprobs: Logprobs;
}

/** A complete reply. */
export interface ChatCompletion {
  /** Its own name, another for each reply. */
  id: string;
  /** OpenAI's name of the type. */
  object: "chat.completion";
  /** Seconds since 1970. */
  created: number;
  /** The model's name. */
  model: string;
  /** As many as `n` asks for. */
  choices: [ChatCompletionChoice, ...ChatCompletionChoice[]];
  /** What the call cost, all choices together. */
  usage: CompletionUsage;
}

/** A piece of a reply. The last one has the finish reason and the usage. */
export interface ChatCompletionChunk {
  /** The same for all pieces of a reply. */
  id: string;
  /** OpenAI's name of the type. */
  object: "chat.completion.chunk";
  /** Seconds since 1970. */
  created: number;
  /** The model's name. */
  model: string;
  /** The piece. */
  choices: [ChatCompletionPiece];
  /** What the call cost; `null` but in the last piece. */
  usage: CompletionUsage | null;
}

/** A call in a stream. */
export interface ToolCallPiece extends ToolCall {
  /** Its place among the reply's calls. */
  index: number;
}

/** What a chunk adds to the reply. */
export interface ChatCompletionPiece {
  /** The first choice's: other choices are not streamed. */
  index: 0;
  /** What to append. */
  delta: {
    /** In the first piece only. */
    role?: "assistant";
    /** The text that has come. */
    content?: string;
    /** In the last piece only: the calls, each of them whole. */
    tool_calls?: ToolCallPiece[];
  };
  /** Why the reply ends; `null` but in the last piece. */
  finish_reason: ChatFinishReason | null;
  /** How probable the tokens were; `null` but in the last piece. */
  logprobs: Logprobs;
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

  /** The chunks as they come. */
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
  readonly #host: Host;
  readonly #model: string;

  /** @internal */
  constructor(host: Host, model: string) {
    this.#host = host;
    this.#model = model;
  }

  /**
   * Continues a conversation. Calls that are made at a time share steps; those for which there is no room wait, by `priority` and
   * then in order.
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
      this.#host,
      (client, stream) => client.call("generate", { stream, request }),
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
  #end: { last: ReplyEnd; usage: CompletionUsage } | undefined;

  constructor(model: string) {
    this.#head = { id: `chatcmpl-${crypto.randomUUID()}`, created: Math.floor(Date.now() / 1000), model };
  }

  receive(piece: Piece): ChatCompletionChunk {
    const delta: ChatCompletionPiece["delta"] = this.#content === undefined ? { role: "assistant" } : {};
    this.#content ??= "";
    if ("content" in piece) {
      delta.content = piece.content;
      this.#content += piece.content;
      return this.#chunk(delta, null, null, null);
    }
    const { prompt_tokens, completion_tokens, cached_tokens } = piece.usage;
    const total_tokens = prompt_tokens + completion_tokens;
    const usage = { prompt_tokens, completion_tokens, total_tokens, prompt_tokens_details: { cached_tokens } };
    this.#end = { last: piece, usage };
    if (piece.tool_calls) delta.tool_calls = piece.tool_calls.map((call, index) => ({ index, ...call }));
    return this.#chunk(delta, piece.finish_reason, toLogprobs(piece.logprobs), usage);
  }

  completion(): ChatCompletion {
    if (!this.#end) throw new MinionsError("internal", "the reply ended without a finish reason");
    const { last, usage } = this.#end;
    const first = toChoice({ ...last, content: this.#content ?? "" }, 0);
    const others = last.alternatives.map((reply, index) => toChoice(reply, index + 1));
    return { ...this.#head, object: "chat.completion", choices: [first, ...others], usage };
  }

  #chunk(
    delta: ChatCompletionPiece["delta"],
    finish_reason: ChatFinishReason | null,
    logprobs: Logprobs,
    usage: CompletionUsage | null,
  ): ChatCompletionChunk {
    const choice = { index: 0, delta, finish_reason, logprobs } as const;
    return { ...this.#head, object: "chat.completion.chunk", choices: [choice], usage };
  }
}

function toChoice(reply: Alternative, index: number): ChatCompletionChoice {
  const { content, tool_calls, finish_reason, logprobs } = reply;
  const message = { role: "assistant", content, ...(tool_calls && { tool_calls }) } as const;
  return { index, message, finish_reason, logprobs: toLogprobs(logprobs) };
}

function toLogprobs(tokens: TokenLogprob[] | undefined): Logprobs {
  return tokens ? { content: tokens } : null;
}

/** Options that mean the same to `minions-chat`, name by name. */
const PLAIN = [
  "max_tokens",
  "temperature",
  "top_k",
  "top_p",
  "min_p",
  "frequency_penalty",
  "presence_penalty",
  "repetition_penalty",
  "logit_bias",
  "seed",
  "n",
  "logprobs",
  "top_logprobs",
  "priority",
  "response_format",
  "tools",
  "tool_choice",
  "parallel_tool_calls",
] as const;

/** Options that are used here, or accepted and ignored. */
const OTHER: readonly string[] = ["messages", "stream", "max_completion_tokens", "stop", "model", "stream_options"];

/** An option that would have no effect is refused: whoever sets it counts on it. */
function toRequest(body: ChatCreateParams): WireRequest {
  const unknown = Object.entries(body).find(
    ([name, value]) => value != null && !OTHER.includes(name) && !(PLAIN as readonly string[]).includes(name),
  );
  if (unknown) throw new MinionsError("invalid_request", `the local model has no option "${unknown[0]}"`);
  const plain = PLAIN.filter((name) => body[name] != null).map((name) => [name, body[name]]);
  // OpenAI's own replies have `null` beside calls.
  const withContent = (message: ChatMessage): ChatMessage =>
    (message as Partial<ChatMessage> | null)?.content === null ? { ...message, content: "" } : message;
  // What is no conversation at all is for the engine to say.
  const messages = Array.isArray(body.messages) ? body.messages.map(withContent) : body.messages;
  const request: WireRequest = { messages, ...Object.fromEntries(plain) };
  if (body.max_completion_tokens != null) request.max_tokens = body.max_completion_tokens;
  if (body.stop != null) request.stop = typeof body.stop === "string" ? [body.stop] : body.stop;
  return request;
}
