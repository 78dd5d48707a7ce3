/** Cloud models that can supervise a run. The requests themselves are made in the worker, by `minions-providers`. */
import { MinionsError } from "./errors.js";
import type { Usage } from "./events.js";
import type { WireSupervisor } from "./wire.js";

/** How to reach a cloud model. */
export interface ProviderOptions {
  /** The provider's name of the model. */
  model: string;
  /**
   * The API key, or a function that gives it: it is called at the start of every run, and what it returns is handed to
   * the worker for that run only. Keys are never stored or logged.
   */
  apiKey: string | (() => string | Promise<string>);
  /** The address that `/chat/completions` is appended to, if not OpenAI's: a proxy of yours, for example. */
  baseURL?: string | undefined;
  /** How often a request that failed for a passing reason is repeated; 2 unless set. */
  maxRetries?: number | undefined;
  /** The longest silence to put up with, in milliseconds; two minutes unless set. */
  timeoutMs?: number | undefined;
  /** How far the model can be held to JSON; unless set, `"schema"` at OpenAI's own address and `"object"` elsewhere. */
  jsonMode?: JsonMode | undefined;
}

/** How far a model can be held to JSON: not at all, to one object, or to a schema. */
export type JsonMode = "none" | "object" | "schema";

/** How to reach a model behind an address of your choice. */
export interface CompatibleOptions extends Omit<ProviderOptions, "apiKey"> {
  /** The address that `/chat/completions` is appended to; it usually ends in `/v1`. */
  baseURL: string;
  /** As with {@link openai}; left out for servers that want none. */
  apiKey?: ProviderOptions["apiKey"] | undefined;
}

/** A model that can supervise a run. Made by {@link openai}, {@link openaiCompatible} or {@link recorded}. */
export class Provider {
  /** The provider's name of the model. */
  readonly model: string;
  readonly #toWire: () => Promise<WireSupervisor>;

  /** @internal */
  constructor(model: string, toWire: () => Promise<WireSupervisor>) {
    this.model = model;
    this.#toWire = toWire;
  }

  /** Everything that the worker needs, the key included. @internal */
  toWire(): Promise<WireSupervisor> {
    return this.#toWire();
  }
}

/** A model of OpenAI, called straight from this page with your key. */
export function openai(options: ProviderOptions): Provider {
  const { model, apiKey } = options;
  return chatCompletions(options, async () => {
    const key = await resolve(apiKey);
    if (key.trim() === "") throw new MinionsError("auth_failed", `the API key for ${model} is empty`);
    return key;
  });
}

/**
 * A server that speaks OpenAI's chat completions and allows this page to call it (CORS): another provider, a gateway,
 * or a local one such as llama.cpp, LM Studio or Ollama, which need no key.
 */
export function openaiCompatible(options: CompatibleOptions): Provider {
  const { apiKey = "", baseURL } = options;
  if (!baseURL) throw new MinionsError("invalid_request", "baseURL is missing: where is the server?");
  return chatCompletions(options, () => resolve(apiKey));
}

/**
 * A supervisor that plays back replies written down for one task: a whole run without a key or a network. It refuses
 * any other task, so that it never passes for a live model; show its `label` where you would show the model's name.
 */
export function recorded(recording: Recording): Provider {
  return new Provider(recording.label, async () => ({ kind: "recorded", recording }));
}

/** A supervisor's replies for one task, in order. */
export interface Recording {
  /** What to show to the user as the model's name. */
  label: string;
  /** The task that the replies belong to. */
  task: string;
  /** The replies. `{{worker.1}}` in their texts stands for what the worker said in round 1 of the run at hand. */
  replies: RecordedReply[];
}

/** One recorded reply. */
export interface RecordedReply {
  /** A text, or an object that is sent as JSON text. */
  content: string | Record<string, unknown>;
  /** What the call cost when it was recorded; estimated if nothing was recorded. */
  usage?: Usage;
}

type ApiKey = ProviderOptions["apiKey"];

async function resolve(apiKey: ApiKey): Promise<string> {
  const key = typeof apiKey === "function" ? await apiKey() : apiKey;
  // Checked here because the worker's message about a value of the wrong type would quote it.
  if (typeof key !== "string") throw new MinionsError("auth_failed", "the API key is not a text");
  return key;
}

function chatCompletions(options: Omit<ProviderOptions, "apiKey">, key: () => Promise<string>): Provider {
  const { model, baseURL, maxRetries, timeoutMs, jsonMode } = options;
  return new Provider(model, async () => ({
    kind: "openai",
    model,
    api_key: await key(),
    base_url: baseURL ?? null,
    max_retries: maxRetries ?? null,
    timeout_ms: timeoutMs ?? null,
    json_mode: jsonMode ?? null,
  }));
}
