/** Cloud models that can supervise a run. The requests themselves are made in the worker, by `minions-providers`. */
import { MinionsError } from "./errors.js";
import type { Usage } from "./events.js";
import { providers } from "./presets.js";
import type { WireSupervisor } from "./wire.js";

/** Providers that want a key, and gateways to several of them. */
export type CloudProvider =
  | "openai"
  | "azure"
  | "anthropic"
  | "gemini"
  | "together"
  | "deepseek"
  | "mistral"
  | "groq"
  | "perplexity"
  | "xai"
  | "cerebras"
  | "sambanova"
  | "fireworks"
  | "cohere"
  | "qwen"
  | "moonshot"
  | "ollama-cloud"
  | "openrouter"
  | "huggingface"
  | "vercel"
  | "cloudflare";

/** Servers on this computer, which want no key. */
export type LocalServer = "ollama" | "lmstudio" | "llamacpp" | "vllm" | "tokasaurus" | "lemonade";

/** Everything that is known by name: address, wire, and what each takes, are data in `minions-providers`. */
export type ProviderName = CloudProvider | LocalServer;

/** How to reach a cloud model. */
export interface ProviderOptions {
  /** The provider's name of the model. */
  model: string;
  /**
   * The API key, or a function that gives it: it is called at the start of every run, and what it returns is handed to
   * the worker for that run only. Keys are never stored or logged.
   */
  apiKey: string | (() => string | Promise<string>);
  /** The provider's address, if not its own: a proxy of yours, or another region. */
  baseURL?: string | undefined;
  /** How often a request that failed for a passing reason is repeated; 2 unless set. */
  maxRetries?: number | undefined;
  /** The longest silence to put up with, in milliseconds; two minutes unless set. */
  timeoutMs?: number | undefined;
  /** How far the model can be held to JSON; unless set, as far as the provider's models usually can. */
  jsonMode?: JsonMode | undefined;
  /** How much the model is to think before it answers, for models that can be told; unless set, as much as it does unasked. */
  reasoningEffort?: ReasoningEffort | undefined;
}

/** How much a model is to think. */
export type ReasoningEffort = "low" | "medium" | "high";

/** How far a model can be held to JSON: not at all, to one object, to a schema too, or to a schema only. */
export type JsonMode = "none" | "object" | "schema" | "schema_only";

/** How to reach a server on this computer. */
export interface LocalOptions extends Omit<ProviderOptions, "apiKey"> {
  /** As with {@link openai}; left out for servers that want none. */
  apiKey?: ProviderOptions["apiKey"] | undefined;
}

/** How to reach a model behind an address of your choice. */
export interface CompatibleOptions extends LocalOptions {
  /** The address that `/chat/completions` is appended to; it usually ends in `/v1`. */
  baseURL: string;
}

/** How to reach a model that you deployed on Azure. */
export interface AzureOptions extends ProviderOptions {
  /** The deployment's name. One that begins as its model's does, such as `o3` or `gpt-5`, is asked as that model wants it. */
  model: string;
  /** The resource's name: the first part of its address. Needed unless `baseURL` is there. */
  resource?: string | undefined;
}

/** A model that can supervise a run. Made by {@link openai}, {@link provider} and the other functions here. */
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
  return provider("openai", options);
}

/**
 * A model of Anthropic, called straight from this page with your key, by the header with which Anthropic wants that
 * allowed (`anthropic-dangerous-direct-browser-access`).
 */
export function anthropic(options: ProviderOptions): Provider {
  return provider("anthropic", options);
}

/** A model of Google, by Gemini's own API, called straight from this page with your key. */
export function gemini(options: ProviderOptions): Provider {
  return provider("gemini", options);
}

/**
 * A model of Ollama on this computer. Pages that do not come from this computer are answered only if their address is in
 * Ollama's variable `OLLAMA_ORIGINS`.
 */
export function ollama(options: LocalOptions): Provider {
  return provider("ollama", options);
}

/** A model that you deployed on Azure. Its address answers pages only through a proxy or gateway that allows them (CORS). */
export function azure({ resource, ...options }: AzureOptions): Provider {
  if (!options.baseURL && !/^[a-z0-9-]+$/i.test(resource ?? "")) {
    throw new MinionsError("invalid_request", "resource must be the name of your Azure resource, or baseURL its address");
  }
  return provider("azure", { ...options, baseURL: options.baseURL ?? `https://${resource}.openai.azure.com/openai/v1` });
}

/**
 * A model of any provider or local server that is known by name.
 *
 * ```ts
 * provider("groq", { model: "llama-3.3-70b-versatile", apiKey: () => keyField.value });
 * provider("lmstudio", { model: "qwen3-30b" });
 * ```
 *
 * `azure` and `cloudflare` have no address of their own: set `baseURL` to yours. Which of them answer web pages stands in
 * the package's README; others need `baseURL` to be a proxy.
 */
export function provider(name: CloudProvider, options: ProviderOptions): Provider;
export function provider(name: LocalServer, options: LocalOptions): Provider;
export function provider(name: ProviderName, options: LocalOptions): Provider {
  const isLocal = providers.some((known) => known.name === name && !known.needsKey);
  if (isLocal) return cloud(name, options, () => resolve(options.apiKey ?? ""));
  return cloud(name, options, async () => {
    const key = await resolve(options.apiKey ?? "");
    if (key.trim() === "") throw new MinionsError("auth_failed", `the API key for ${options.model} is empty`);
    return key;
  });
}

/**
 * A server that speaks OpenAI's chat completions and allows this page to call it (CORS): another provider, a gateway,
 * or a local one, which need no key. The address of a provider that is known by name is taken as that provider's.
 */
export function openaiCompatible(options: CompatibleOptions): Provider {
  const { apiKey = "", baseURL } = options;
  if (!baseURL) throw new MinionsError("invalid_request", "baseURL is missing: where is the server?");
  return cloud(null, options, () => resolve(apiKey));
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

function cloud(provider: ProviderName | null, options: LocalOptions, key: () => Promise<string>): Provider {
  const { model, baseURL, maxRetries, timeoutMs, jsonMode, reasoningEffort } = options;
  return new Provider(model, async () => ({
    kind: "cloud",
    provider,
    model,
    api_key: await key(),
    base_url: baseURL ?? null,
    max_retries: maxRetries ?? null,
    timeout_ms: timeoutMs ?? null,
    json_mode: jsonMode ?? null,
    reasoning_effort: reasoningEffort ?? null,
  }));
}
