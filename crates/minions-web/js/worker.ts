/** The script of the worker: holds one engine and does what the page asks, see `wire.ts`. */
import { download, pickMain } from "./download.js";
import { MinionsError } from "./errors.js";
import { type Endpoint, serve } from "./rpc.js";
import { requestSubgroups } from "./subgroups.js";
import init, { Engine, Rehearsal, benchKernels, checkKernels, memoryBytes, type Stream } from "./wasm/minions_web.js";
import type { Methods } from "./wire.js";

let engine: Engine | undefined;
let isLoading = false;
const streams = new Map<number, Channel>();

const die = serve<Methods>(globalThis as unknown as Endpoint, {
  async load({ source, options, wasmUrl }, { signal, emit }) {
    if (engine || isLoading) throw new MinionsError("invalid_request", "this worker holds an engine already; unload it first");
    isLoading = true;
    try {
      const model =
        "url" in source
          ? await download(source.url, signal, emit)
          : { files: new Map(Object.entries(source.files)), main: pickMain(Object.keys(source.files)) };
      await start(wasmUrl);
      signal.throwIfAborted();
      const loaded = await Engine.load(model.files, model.main, options, emit);
      if (signal.aborted) {
        loaded.free();
        throw signal.reason;
      }
      engine = loaded;
      return { model: loaded.info(), adapter: loaded.adapter() };
    } finally {
      isLoading = false;
    }
  },
  async unload() {
    for (const channel of streams.values()) channel.abort();
    streams.clear();
    engine?.free();
    engine = undefined;
  },
  async generate({ stream, request }) {
    streams.set(stream, new Channel(loaded().generate(request)));
  },
  async run({ stream, run }) {
    streams.set(stream, new Channel(loaded().run(run)));
  },
  async next({ stream }) {
    const channel = streams.get(stream);
    if (!channel) return { items: [], done: true };
    try {
      const items = await channel.take();
      if (channel.isDone) streams.delete(stream);
      return { items, done: channel.isDone };
    } catch (error) {
      streams.delete(stream);
      throw error;
    }
  },
  async abort({ stream }) {
    streams.get(stream)?.abort();
    streams.delete(stream);
  },
  async models(supervisor) {
    return loaded().models(supervisor);
  },
  async tokenize(request) {
    return loaded().tokenize(request);
  },
  async embed({ texts, pooling }) {
    return loaded().embed(texts, pooling);
  },
  async logits(ids) {
    return loaded().logits(ids);
  },
  async checkKernels({ wasmUrl }) {
    await start(wasmUrl);
    return checkKernels();
  },
  async benchKernels({ wasmUrl, quick }) {
    await start(wasmUrl);
    return benchKernels(quick);
  },
  async tally() {
    return loaded().tally();
  },
  async counters() {
    return loaded().counters();
  },
  async memoryBytes() {
    return memoryBytes();
  },

  async rehearse({ wasmUrl }) {
    await start(wasmUrl);
    const rehearsal = new Rehearsal();
    let [jobs, ms] = [0, Infinity];
    for (let run = 0; run < 5; run++) {
      const started = performance.now();
      jobs = await rehearsal.run();
      ms = Math.min(ms, performance.now() - started);
    }
    rehearsal.free();
    return { jobs, ms };
  },
});

// The wasm calls this from its panic hook: after a panic nothing in it can be used any more, so the page must be told
// before the trap that follows ends whatever was running.
Object.assign(globalThis, {
  __minions_panic: (text: string) => die(`minions-web failed, load the model again: ${text}`),
});

async function start(wasmUrl: string | null): Promise<void> {
  requestSubgroups();
  const url = wasmUrl ?? new URL("./wasm/minions_web_bg.wasm", import.meta.url);
  try {
    await init({ module_or_path: url });
  } catch (cause) {
    throw new MinionsError("internal", `${url} could not be loaded: ${(cause as Error).message}`, { cause });
  }
}

function loaded(): Engine {
  if (!engine) throw new MinionsError("invalid_request", "no model is loaded");
  return engine;
}

/**
 * A stream of the wasm, driven to its end whether or not the page asks for its items: a page that is busy for a while
 * does not stop the model, and a stream that nobody reads does not hold up the next one.
 */
class Channel {
  readonly #stream: Stream;
  #items: unknown[] = [];
  #end: { error?: unknown } | undefined;
  #wake = () => {};

  constructor(stream: Stream) {
    this.#stream = stream;
    void this.#drive();
  }

  /** Whether every item was taken, and no failure is left to be told. */
  get isDone(): boolean {
    return this.#end !== undefined && !("error" in this.#end) && this.#items.length === 0;
  }

  /** The items that are there, or the first to come; none at the end. */
  async take(): Promise<unknown[]> {
    while (this.#items.length === 0 && !this.#end) {
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    if (this.#items.length === 0 && this.#end && "error" in this.#end) throw this.#end.error;
    return this.#items.splice(0);
  }

  abort(): void {
    if (!this.#end) this.#stream.abort();
  }

  async #drive(): Promise<void> {
    try {
      for (let item = await this.#stream.next(); item !== undefined; item = await this.#stream.next()) {
        this.#items.push(item);
        this.#wake();
      }
      this.#end = {};
    } catch (error) {
      this.#end = { error };
    }
    this.#wake();
    this.#stream.free();
  }
}
