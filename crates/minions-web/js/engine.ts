/// <reference lib="esnext.disposable" preserve="true" />
/** The local model, as the page sees it: it lives in a worker of its own. */
import { ChatCompletions } from "./chat.js";
import { MinionsError } from "./errors.js";
import { type DownloadOptions, openWorker, pausing, toWasmUrl, toWireSource } from "./loading.js";
import type { Provider } from "./providers.js";
import type { Client } from "./rpc.js";
import { isSupported, type Support } from "./support.js";
import type { Adapter, Device, KvFormat, ModelInfo, ModelSource, Pooling, Quantization } from "./types.js";
import type { Methods, WireLoad } from "./wire.js";

/** How to load a model. */
export interface LoadOptions extends DownloadOptions {
  /** What runs the model; `"auto"` unless said otherwise. With `"gpu"`, loading fails where there is no WebGPU. */
  device?: Device | undefined;
  /**
   * The most tokens that prompt and reply may have together: at most the model's own limit. By default at most 4096, and
   * where the device has no room for so many, a half, a quarter or an eighth.
   */
  contextLength?: number | undefined;
  /**
   * How many tokens the cache has room for, of all replies that are worked on at a time and of prompts that may come again;
   * at least {@link LoadOptions.contextLength}. By default as many as fit in 512 MB (64 MB where the CPU computes) and on the
   * device, but not more than eight contexts. Replies that find no room wait.
   */
  cacheTokens?: number | undefined;
  /**
   * How many bytes of the page's memory keep what the cache has to give up, to be brought back when a prompt begins like it
   * again; 256 MB unless set, less than 4 GB, 0 for none. Never storage: it could be turned back into the documents' text.
   */
  spillBytes?: number | undefined;
  /**
   * How the cache holds keys and values; `"f32"` unless said otherwise. With `"q8_0"` a token takes less than a third of the
   * memory, so that about 3.5 times as many fit, and replies are a little less exact.
   */
  kvCache?: KvFormat | undefined;
  /**
   * What weights in 16 or 32 bits become while they are loaded, to take less memory: 8 bits, or 4 (the embedding and the
   * head 8). Weights that the file holds in fewer bits stay as they are.
   */
  quantize?: Quantization | undefined;
}

/** How to embed texts. */
export interface EmbedOptions {
  /** `"mean"` unless said otherwise; models that were trained to be read at their last token want `"last"`. */
  pooling?: Pooling | undefined;
}

/**
 * A language model in this browser.
 *
 * ```ts
 * const engine = await Engine.load("models/worker.gguf", { onProgress: console.log });
 * const reply = await engine.chat.completions.create({ messages: [{ role: "user", content: "Hello" }] });
 * ```
 */
export class Engine {
  /** What was loaded. */
  readonly model: ModelInfo;
  /** What runs it. */
  readonly adapter: Adapter;
  /** Chat completions in OpenAI's shapes. */
  readonly chat: { readonly completions: ChatCompletions };
  /** @internal */
  readonly client: Client<Methods>;
  readonly #terminate: (() => void) | undefined;

  private constructor(client: Client<Methods>, model: ModelInfo, adapter: Adapter, terminate: (() => void) | undefined) {
    this.client = client;
    this.model = model;
    this.adapter = adapter;
    this.chat = { completions: new ChatCompletions(client, model.name) };
    this.#terminate = terminate;
  }

  /** What this browser can do. Loads nothing. */
  static isSupported(): Promise<Support> {
    return isSupported();
  }

  /**
   * Loads a model.
   *
   * What it fetches stays in the browser's storage for the next time; a load that broke off goes on where it was.
   *
   * @param model - the address of a `.gguf` file, or of a folder in Hugging Face's layout ending in `/`; or its files.
   * @throws {MinionsError} `download_failed`, `auth_failed`, `rate_limited`, `integrity_failed`, `invalid_model`, `unknown_model`,
   * `webgpu_unavailable`, `out_of_memory`
   */
  static async load(model: string | ModelSource, options: LoadOptions = {}): Promise<Engine> {
    const started = performance.now();
    const source = await toWireSource(model, options);
    const { client, end } = openWorker(options);
    try {
      const load: WireLoad = {
        device: options.device ?? "auto",
        contextLength: options.contextLength ?? null,
        cacheTokens: options.cacheTokens ?? null,
        spillBytes: options.spillBytes ?? null,
        kvCache: options.kvCache ?? null,
        quantize: options.quantize ?? null,
      };
      const { controller, signal, onProgress: onEvent } = options;
      const params = { source, options: load, wasmUrl: toWasmUrl(options) };
      const opened = await pausing(client, controller, () => client.call("load", params, { signal, onEvent }));
      options.onProgress?.({ phase: "ready", elapsedMs: performance.now() - started });
      return new Engine(client, opened.model, opened.adapter, options.worker ? undefined : end);
    } catch (error) {
      client.close(new MinionsError("invalid_request", "the model was not loaded"));
      end();
      throw error;
    }
  }

  /**
   * A vector of length 1 for each text, for finding those that are alike: their product is the greater the more they have
   * in common. What the model was trained to see around a text, such as `query: ` before it or a token after it, belongs
   * into the text.
   *
   * @throws {MinionsError} `invalid_request` for a text without a token, `context_overflow`
   */
  async embed(texts: string[], options: EmbedOptions = {}): Promise<Float32Array[]> {
    const vectors = await this.client.call("embed", { texts, pooling: options.pooling ?? "mean" });
    const width = vectors.length / texts.length;
    return texts.map((_, index) => vectors.slice(index * width, (index + 1) * width));
  }

  /**
   * The names of the models that a provider lists. Asked by the worker, as runs are; only `model` of the supervisor is not
   * looked at.
   *
   * @throws {MinionsError} `invalid_request` where the provider has no list, or what a run would reject with
   */
  async listModels(supervisor: Provider): Promise<string[]> {
    return this.client.call("models", await supervisor.toWire());
  }

  /** Frees the model. Calls that are still running are rejected, and so is every later one. */
  async unload(): Promise<void> {
    // A worker of our own frees everything by ending, at once, whatever it is doing.
    if (!this.#terminate) await this.client.call("unload", null).catch(() => {});
    this.client.close(new MinionsError("invalid_request", "the engine is unloaded"));
    this.#terminate?.();
  }

  /** {@link Engine.unload}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.unload();
  }
}
