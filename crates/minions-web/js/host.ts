/**
 * The life of an engine's worker: started with the model, put to sleep when nobody calls, and started anew with the next call,
 * also after a crash. Whoever calls need not know which of it happens.
 */
import { MinionsError } from "./errors.js";
import type { LoadOptions } from "./engine.js";
import { openWorker, pausing, toWasmUrl } from "./loading.js";
import type { Client } from "./rpc.js";
import { toWireSource } from "./sources.js";
import { endAttempt } from "./store/attempt.js";
import type { Adapter, ModelInfo, ModelSource } from "./types.js";
import type { Methods, WireLoad, WireSource } from "./wire.js";

/** After so many crashes in a row, with no call between them that succeeded, the engine is given up. */
const MAX_CRASHES = 2;

/** The longest that timers wait. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** What was loaded, and what runs it. */
interface Loaded {
  model: ModelInfo;
  adapter: Adapter;
}

/** A worker from its start to its end. */
interface Session {
  client: Client<Methods>;
  /** What the worker is told to call its engine. */
  engine: number;
  close(error: MinionsError): void;
  /** Aborted when nobody waits for the load any more. */
  loading: AbortController;
  /** Settles when the model is loaded. */
  ready: Promise<Loaded>;
  isReady: boolean;
  /** How many calls wait for that. */
  waiting: number;
}

export class Host {
  readonly #toSource: () => Promise<WireSource>;
  readonly #load: WireLoad;
  readonly #wasmUrl: string | null;
  readonly #options: LoadOptions;
  #session: Session | undefined;
  #loaded: Loaded | undefined;
  /** Calls and streams that have not ended. */
  #uses = 0;
  #idle: ReturnType<typeof setTimeout> | undefined;
  #crashes = 0;
  /** What every call rejects with once the engine has ended for good. */
  #over: MinionsError | undefined;

  constructor(model: string | ModelSource, options: LoadOptions) {
    const { idleTimeoutMs } = options;
    if (idleTimeoutMs !== undefined && !(idleTimeoutMs >= 0 && idleTimeoutMs <= MAX_TIMEOUT_MS)) {
      const allowed = `milliseconds from 0 to ${MAX_TIMEOUT_MS}, or left out to never sleep by itself`;
      throw new MinionsError("invalid_request", `idleTimeoutMs is ${idleTimeoutMs}: it must be ${allowed}`);
    }
    this.#toSource = toWireSource(model, options);
    this.#wasmUrl = toWasmUrl(options);
    this.#options = { ...options };
    this.#load = {
      device: options.device ?? "auto",
      contextLength: options.contextLength ?? null,
      cacheTokens: options.cacheTokens ?? null,
      spillBytes: options.spillBytes ?? null,
      kvCache: options.kvCache ?? null,
      quantize: options.quantize ?? null,
      gpuTimeoutMs: options.gpuTimeoutMs ?? null,
    };
  }

  /** What was loaded last; it stays known while the engine sleeps. */
  get loaded(): Loaded {
    if (!this.#loaded) throw new MinionsError("invalid_request", "the model is not loaded yet");
    return this.#loaded;
  }

  get isAwake(): boolean {
    return this.#session?.isReady ?? false;
  }

  /** Calls a method of the worker, which is woken for it. */
  call<Name extends keyof Methods>(
    method: Name,
    params: Methods[Name]["params"],
    options: { signal?: AbortSignal | null | undefined } = {},
  ): Promise<Methods[Name]["result"]> {
    return this.use((client) => client.call(method, params, options), options.signal);
  }

  /** Does `work` with the worker, which is woken for it and stays awake until it is done. */
  async use<T>(work: (client: Client<Methods>) => Promise<T>, signal?: AbortSignal | null): Promise<T> {
    this.#uses++;
    clearTimeout(this.#idle);
    try {
      const result = await work(await this.#wake(signal));
      this.#crashes = 0;
      return result;
    } finally {
      if (--this.#uses === 0) this.#rest();
    }
  }

  /** Frees the model until the next call. */
  async sleep(): Promise<void> {
    if (this.#over) throw this.#over;
    if (this.#uses > 0) throw new MinionsError("busy", "calls to the engine are still going on: wait for them or abort them first");
    // A worker of the app's goes on loading when nobody waits any more.
    await this.#session?.ready.catch(() => {});
    if (this.#uses === 0) await this.#free(new MinionsError("internal", "the engine sleeps"));
  }

  /** Ends the engine for good: calls that are still going on reject with `error`, and so does every later one. */
  async close(error: MinionsError): Promise<void> {
    this.#over ??= error;
    clearTimeout(this.#idle);
    await this.#free(error);
  }

  /** A client of the worker with the model loaded. All who wait for that share one load. */
  async #wake(signal: AbortSignal | null | undefined): Promise<Client<Methods>> {
    if (this.#over) throw this.#over;
    signal?.throwIfAborted();
    const session = (this.#session ??= this.#open());
    if (session.isReady) return session.client;
    session.waiting++;
    try {
      await unlessAborted(session.ready, signal);
    } finally {
      session.waiting--;
      // A worker of the app's cannot be ended, and would be busy loading when it is woken next: it may as well go on.
      if (session.waiting === 0 && !session.isReady && !this.#options.worker) this.#cancel(session, signal?.reason);
    }
    return session.client;
  }

  #open(): Session {
    const { client, close } = openWorker(this.#options.worker, (reason) => this.#crash(session, reason));
    const loading = new AbortController();
    const engine = client.newId();
    const ready = this.#start(client, engine, loading.signal);
    const session: Session = { client, engine, close, loading, ready, isReady: false, waiting: 0 };
    session.ready.then(
      (loaded) => {
        this.#loaded = loaded;
        session.isReady = true;
      },
      () => this.#end(session, new MinionsError("internal", "the model was not loaded")),
    );
    return session;
  }

  async #start(client: Client<Methods>, engine: number, signal: AbortSignal): Promise<Loaded> {
    const started = performance.now();
    const { controller, onProgress: onEvent } = this.#options;
    const source = await this.#toSource();
    const params = { engine, source, options: this.#load, wasmUrl: this.#wasmUrl };
    // To end a load on purpose is no sign that it was too much for this device.
    signal.addEventListener("abort", () => void endAttempt(source), { once: true });
    const loaded = await pausing(client, controller, () => client.call("load", params, { signal, onEvent }));
    onEvent?.({ phase: "ready", elapsedMs: performance.now() - started });
    return loaded;
  }

  /** What calls of a worker that has died reject with. */
  #crash(session: Session, reason: string): MinionsError {
    this.#crashes++;
    // An engine that was never there, or is in a worker of the app's, can only be loaded by whoever did that before.
    const canStart = this.#loaded !== undefined && !this.#options.worker;
    const isOver = !canStart || this.#crashes >= MAX_CRASHES;
    let advice = "the next call starts it anew";
    if (isOver) advice = canStart ? "that was twice in a row, so load a smaller model" : "load the model again";
    const error = new MinionsError("internal", `the engine broke; ${advice}: ${reason}`, { retryable: !isOver });
    if (isOver) this.#over = error;
    this.#end(session, error);
    return error;
  }

  /** Ends a load that nobody waits for. */
  #cancel(session: Session, reason: unknown): void {
    session.loading.abort(reason);
    this.#end(session, new MinionsError("internal", "the loading was aborted"));
  }

  /** Frees the model, or ends its loading. */
  async #free(error: MinionsError): Promise<void> {
    const session = this.#session;
    if (!session) return;
    this.#session = undefined;
    // A worker of our own frees everything by ending, at once, whatever it is doing.
    if (!session.isReady) session.loading.abort(error);
    if (this.#options.worker) {
      // Also after a load was aborted: it may have been over before the worker heard of that.
      const unloading = session.client.call("unload", { engine: session.engine }).catch(() => {});
      if (session.isReady) await unloading;
    }
    session.close(error);
  }

  #end(session: Session, error: MinionsError): void {
    if (this.#session === session) this.#session = undefined;
    session.close(error);
  }

  #rest(): void {
    const { idleTimeoutMs } = this.#options;
    if (idleTimeoutMs !== undefined && this.isAwake) this.#idle = setTimeout(() => void this.sleep().catch(() => {}), idleTimeoutMs);
  }
}

/** The promise's outcome, or before that the signal's reason. */
async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | null | undefined): Promise<T> {
  if (!signal) return promise;
  let abort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
