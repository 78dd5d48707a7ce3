/// <reference lib="esnext.disposable" preserve="true" />
/** The local model, as the page sees it: it lives in a worker of its own. */
import { ChatCompletions } from "./chat.js";
import { MinionsError } from "./errors.js";
import { Host } from "./host.js";
import type { DownloadOptions } from "./loading.js";
import type { Provider } from "./providers.js";
import { isSupported, type Support } from "./support.js";
import type { Adapter, Device, KvFormat, ModelInfo, ModelSource, Pooling, Quantization } from "./types.js";

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
  /**
   * How many milliseconds a step may take on the GPU before it is taken to hang: 30,000 unless set, and without end where a
   * GPU's driver runs on the CPU. A GPU that hangs, is lost or reports an error is opened anew, and what was being replied
   * goes on where it was.
   */
  gpuTimeoutMs?: number | undefined;
  /**
   * After how many milliseconds without a call the engine goes to sleep, see {@link Engine.sleep}. Unless set, never by itself:
   * only the app knows whether it would rather have the memory, or the next answer without a wait.
   */
  idleTimeoutMs?: number | undefined;
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
  /** Chat completions in OpenAI's shapes. */
  readonly chat: {
    /** Where OpenAI's library has them. */
    readonly completions: ChatCompletions;
  };
  /** @internal */
  readonly client: Host;

  private constructor(host: Host) {
    this.client = host;
    this.chat = { completions: new ChatCompletions(host, host.loaded.model.name) };
  }

  /** What was loaded. */
  get model(): ModelInfo {
    return this.client.loaded.model;
  }

  /** What runs it. */
  get adapter(): Adapter {
    return this.client.loaded.adapter;
  }

  /** Whether the model is in memory, so that the next call need not wait for it. */
  get isAwake(): boolean {
    return this.client.isAwake;
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
   * @param model - the address of a `.gguf` file, or of a folder in Hugging Face's layout ending in `/`; a model of the hub, such
   * as those of `models.catalogue`; or its files, or a folder of the user's.
   * @throws {MinionsError} `download_failed`, `auth_failed`, `rate_limited`, `integrity_failed`, `invalid_model`, `unknown_model`,
   * `webgpu_unavailable`, `out_of_memory`
   */
  static async load(model: string | ModelSource, options: LoadOptions = {}): Promise<Engine> {
    const host = new Host(model, options);
    try {
      await host.use(async () => {}, options.signal);
      return new Engine(host);
    } catch (error) {
      await host.close(new MinionsError("invalid_request", "the model was not loaded"));
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

  /**
   * Frees the model and its worker until the next call, which loads it again from where it is stored and tells `onProgress` so.
   * The engine forgets what its cache has of earlier prompts, and nothing else. A crash has the same effect: calls that were
   * going on are rejected, and the next one starts the engine anew; only after two crashes in a row it is given up. In a
   * {@link LoadOptions.worker} of yours a crash is the engine's end.
   *
   * @throws {MinionsError} `busy` while calls are going on
   */
  async sleep(): Promise<void> {
    await this.client.sleep();
  }

  /** Frees the model for good. Calls that are still running are rejected, and so is every later one. */
  async unload(): Promise<void> {
    await this.client.close(new MinionsError("invalid_request", "the engine is unloaded"));
  }

  /** {@link Engine.unload}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.unload();
  }
}
