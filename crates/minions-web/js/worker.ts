/** The script of the worker: holds one engine and does what the page asks, see `wire.ts`. */
import { Asks } from "./asks.js";
import type { Download } from "./download/file.js";
import { Gate } from "./download/gate.js";
import { type ModelInFlight, fetchModel, forgetModel, pickMain } from "./download/model.js";
import { MinionsError } from "./errors.js";
import { type Readable, Stored } from "./readable.js";
import { type Context, type Endpoint, serve } from "./rpc.js";
import { type Plan, attempt } from "./store/attempt.js";
import { Folder } from "./store/folder.js";
import { rememberSpeed } from "./store/speed.js";
import { requestSubgroups } from "./subgroups.js";
import type { Progress } from "./types.js";
import init, { Engine, Rehearsal, Sha256, benchKernels, checkKernels, memoryBytes, runWithPageWorker, type Stream } from "./wasm/minions_web.js";
import type { Ask, Methods, WireAddress, WireLoad } from "./wire.js";

/** The engine, and what the page calls it. */
let held: { engine: Engine; name: number } | undefined;
let loading: { signal: AbortSignal; isOver: Promise<unknown> } | undefined;
let starting: Promise<void> | undefined;
const streams = new Map<number, Channel>();
const gate = new Gate();

const die = serve<Methods>(globalThis as unknown as Endpoint, {
  async load(params, context) {
    // Whoever aborted a load may begin another at once.
    while (loading?.signal.aborted) await loading.isOver;
    if (held || loading) throw new MinionsError("invalid_request", "this worker holds an engine already; unload it first");
    const opening = load(params, context);
    loading = { signal: context.signal, isOver: opening.catch(() => {}) };
    try {
      const opened = await opening;
      // It may have been done before the worker heard that it was aborted.
      if (context.signal.aborted) opened.free();
      context.signal.throwIfAborted();
      held = { engine: opened, name: params.engine };
      return { model: opened.info(), adapter: opened.adapter() };
    } finally {
      loading = undefined;
    }
  },
  async download({ source, wasmUrl }, context) {
    await (await fetchModel(source, await prepare(source, wasmUrl, context))).complete;
  },
  async pause({ isPaused }) {
    gate.isPaused = isPaused;
  },
  async unload({ engine: name }) {
    if (name !== held?.name) return;
    for (const channel of streams.values()) channel.abort();
    streams.clear();
    held.engine.free();
    held = undefined;
  },
  async generate({ stream, request }) {
    streams.set(stream, new Channel(() => loaded().generate(request)));
  },
  async run({ stream, run }) {
    if (run.worker) await start(null);
    streams.set(stream, new Channel((ask) => (run.worker ? runWithPageWorker(run, ask) : loaded().run(run, ask))));
  },
  async answer({ stream, ask, reply }) {
    streams.get(stream)?.asks.answer(ask, reply);
  },
  async predict(prediction) {
    return loaded().predict(prediction);
  },
  async measure() {
    const engine = loaded();
    return rememberSpeed(engine.info(), engine.adapter(), () => engine.measure());
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
  __minions_panic: die,
});

/** Loads, more carefully if the last attempt ended with its tab. */
function load({ source, options, wasmUrl }: Methods["load"]["params"], context: Context<Progress>): Promise<Engine> {
  const onCaution = (plan: Plan) => context.emit({ phase: "caution", loaded: 0, total: 0, ...plan });
  return attempt(source, options, onCaution, (options, begin) => {
    if (!("files" in source)) return fetchAndOpen(source, options, wasmUrl, context, begin);
    begin();
    const files = Object.entries(source.files).map(([name, blob]) => [name, new Stored(blob)] as const);
    return open(new Map(files), pickMain(Object.keys(source.files)), options, wasmUrl, context);
  });
}

/** What a download needs besides the address. The wasm, which does the digests, is loaded meanwhile. */
async function prepare({ cache, verify }: WireAddress, wasmUrl: string | null, context: Context<Progress>): Promise<Download> {
  const started = start(wasmUrl);
  started.catch(() => {});
  return {
    ...context,
    folder: cache === "opfs" ? await Folder.open() : undefined,
    verify,
    gate,
    newSha256: async () => {
      await started;
      return new Sha256();
    },
  };
}

/** Fetches a model and loads it meanwhile. `onFetched` is told when all of it is there. */
async function fetchAndOpen(
  source: WireAddress,
  options: WireLoad,
  wasmUrl: string | null,
  context: Context<Progress>,
  onFetched: () => void,
): Promise<Engine> {
  const refusal = new AbortController();
  const signal = AbortSignal.any([context.signal, refusal.signal]);
  const download = await prepare(source, wasmUrl, { ...context, signal });
  try {
    const model = await fetchModel(source, download);
    model.complete.then(onFetched, () => {});
    const opens = (files: Map<string, Readable>) => open(files, model.main, options, wasmUrl, context);
    return await openInFlight(model, opens, refusal);
  } catch (error) {
    // Damaged here or on the server: whichever it is, the next load had better fetch it.
    if (isUnusable(error)) await forgetModel(source, download);
    throw error;
  }
}

/**
 * Loads a model that is on its way. What the engine refuses need not come any more; what turns out to be another file than was
 * read is read again, when all of it is there.
 */
async function openInFlight(
  model: ModelInFlight,
  opens: (files: Map<string, Readable>) => Promise<Engine>,
  refusal: AbortController,
): Promise<Engine> {
  const files = model.read();
  const isStale = () => [...files.values()].some((file) => file.isStale);
  const opening = opens(files);
  opening.catch((error: unknown) => {
    if (!isStale() && !(isUnusable(error) && model.isDoubtful())) refusal.abort(error);
  });
  const [complete, opened] = await Promise.allSettled([model.complete, opening]);
  const isRight = complete.status === "fulfilled" && !isStale();
  if (opened.status === "fulfilled" && !isRight) opened.value.free();
  // Why a file does not come says more than that it could not be read.
  if (complete.status === "rejected") throw complete.reason;
  return isRight ? opening : opens(model.read());
}

/** Whether an error says that the files are no model, or none for this engine. */
function isUnusable(error: unknown): boolean {
  const { code } = error as Partial<MinionsError>;
  return code === "invalid_model" || code === "unknown_model";
}

async function open(
  files: Map<string, Readable>,
  main: string,
  options: WireLoad,
  wasmUrl: string | null,
  { signal, emit }: Context<Progress>,
): Promise<Engine> {
  await start(wasmUrl);
  signal.throwIfAborted();
  const opened = await Engine.load(files, main, options, emit);
  if (signal.aborted) {
    opened.free();
    throw signal.reason;
  }
  return opened;
}

/** Loads the wasm, once. */
function start(wasmUrl: string | null): Promise<void> {
  starting ??= (async () => {
    requestSubgroups();
    const url = wasmUrl ?? new URL("./wasm/minions_web_bg.wasm", import.meta.url);
    try {
      await init({ module_or_path: url });
    } catch (cause) {
      starting = undefined;
      throw new MinionsError("internal", `${url} could not be loaded: ${(cause as Error).message}`, { cause });
    }
  })();
  return starting;
}

function loaded(): Engine {
  if (!held) throw new MinionsError("invalid_request", "no model is loaded");
  return held.engine;
}

/**
 * A stream of the wasm, driven to its end whether or not the page asks for its items: a page that is busy for a while
 * does not stop the model, and a stream that nobody reads does not hold up the next one.
 */
class Channel {
  /** What the page is asked meanwhile. */
  readonly asks = new Asks((ask) => this.#push(ask));
  readonly #stream: Stream;
  #items: unknown[] = [];
  #end: { error?: unknown } | undefined;
  #wake = () => {};

  constructor(open: (ask: Ask) => Stream) {
    this.#stream = open(this.asks.ask);
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

  #push(item: unknown): void {
    this.#items.push(item);
    this.#wake();
  }

  async #drive(): Promise<void> {
    try {
      for (let item = await this.#stream.next(); item !== undefined; item = await this.#stream.next()) {
        this.#push(item);
      }
      this.#end = {};
    } catch (error) {
      this.#end = { error };
    }
    this.#wake();
    this.#stream.free();
  }
}
