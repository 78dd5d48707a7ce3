/**
 * A stream that lives in the worker, as the page sees it: read ahead to its end, kept whole, iterable at any time.
 *
 * Reading ahead costs little (a reply or a run is text of bounded length) and means that a stream nobody reads ends
 * all the same, so that the next call does not wait for it.
 */
import type { Client } from "./rpc.js";
import type { Methods } from "./wire.js";

/** Starts the stream under the number given, unless the signal is aborted by then; rejects when it cannot start. */
type Start = (client: Client<Methods>, stream: number, signal: AbortSignal) => Promise<void>;

/** Where streams live: what does something with a worker that is there for as long as it takes. */
export interface Home {
  use<T>(work: (client: Client<Methods>) => Promise<T>, signal?: AbortSignal | null): Promise<T>;
}

/** What an abort without a reason rejects with. */
const abortError = () => new DOMException("The operation was aborted.", "AbortError");

/** @internal */
export class Feed<Item> implements AsyncIterable<Item> {
  /** Where it lives: it ends with the worker that it began on. */
  #home: { client: Client<Methods>; stream: number } | undefined;
  readonly #items: Item[] = [];
  readonly #aborted = new AbortController();
  #end: { error?: unknown } | undefined;
  #waiting: (() => void)[] = [];
  /** Settles when the stream has started. */
  readonly started: Promise<void>;
  /** Settles when the stream has ended. */
  readonly ended: Promise<void>;

  /** `receive` turns what the worker sends into an item, if it is one; an error that it throws ends the stream. */
  constructor(home: Home, start: Start, receive: (item: unknown) => Item | undefined, signal?: AbortSignal | null) {
    const abort = () => this.abort(signal?.reason);
    signal?.addEventListener("abort", abort, { once: true });
    if (signal?.aborted) abort();
    let onStarted = () => {};
    const started = new Promise<void>((resolve) => (onStarted = resolve));
    this.started = Promise.race([started, this.#settled()]);
    this.ended = home
      .use((client) => this.#pump(client, start, receive, onStarted), this.#aborted.signal)
      .catch((error) => this.abort(error))
      .then(() => this.#settled())
      .finally(() => signal?.removeEventListener("abort", abort));
    // Both are also reported to whoever iterates; a promise that nobody looks at is no reason to report them as unhandled.
    this.started.catch(() => {});
    this.ended.catch(() => {});
  }

  /** Ends the stream here and in the worker. */
  abort(reason: unknown = abortError()): void {
    if (this.#end) return;
    this.#settle({ error: reason });
    this.#aborted.abort(reason);
    this.#home?.client.call("abort", { stream: this.#home.stream }).catch(() => {});
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Item, void, undefined> {
    try {
      for (let next = 0; ; ) {
        if (next < this.#items.length) {
          yield this.#items[next++] as Item;
        } else if (this.#end) {
          if ("error" in this.#end) throw this.#end.error;
          return;
        } else {
          await this.#changed();
        }
      }
    } finally {
      this.abort();
    }
  }

  toReadableStream(): ReadableStream<Item> {
    const iterator = this[Symbol.asyncIterator]();
    return new ReadableStream<Item>({
      async pull(controller) {
        const { done, value } = await iterator.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel: (reason) => this.abort(reason),
    });
  }

  async #pump(client: Client<Methods>, start: Start, receive: (item: unknown) => Item | undefined, onStarted: () => void): Promise<void> {
    const stream = client.newId();
    this.#home = { client, stream };
    await Promise.race([start(client, stream, this.#aborted.signal), this.#settled()]);
    onStarted();
    while (!this.#end) {
      const { items, done } = await client.call("next", { stream });
      if (this.#end) break;
      for (const received of items) {
        const item = receive(received);
        if (item !== undefined) this.#items.push(item);
      }
      if (done) this.#settle({});
      this.#wake();
    }
  }

  /** Settles as the stream has ended. */
  async #settled(): Promise<void> {
    while (!this.#end) await this.#changed();
    if ("error" in this.#end) throw this.#end.error;
  }

  #settle(end: { error?: unknown }): void {
    this.#end ??= end;
    this.#wake();
  }

  #changed(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
