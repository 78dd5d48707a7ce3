/** The Minion protocol: one supervisor in the cloud talks with one worker in this browser. */
import type { Engine } from "./engine.js";
import { MinionsError } from "./errors.js";
import type { MinionEvent, Outcome } from "./events.js";
import { Feed } from "./feed.js";
import type { Provider } from "./providers.js";

/** Who takes part, and for how long. */
export interface MinionOptions {
  /** The local model that reads the document. */
  worker: Engine;
  /** The cloud model that thinks. */
  supervisor: Provider;
  /** The most questions that the supervisor may ask the worker; 3 unless set. */
  maxRounds?: number | undefined;
  /** The most tokens of one reply of the worker; 256 unless set. */
  workerMaxTokens?: number | undefined;
}

/** What to find out. */
export interface RunRequest {
  /** The question. */
  task: string;
  /** The documents. They stay in this browser; what the worker quotes from them is sent to the supervisor. */
  context: string[];
  /** Aborts the run. */
  signal?: AbortSignal | null | undefined;
  /** Told of every event; the same objects that iterating gives. An error that it throws ends the run. */
  onEvent?: ((event: MinionEvent) => void) | undefined;
}

/** A run in progress. It goes on whether or not its events are read; leaving a `for await` over it early aborts it. */
export interface Run<Event, Result> extends AsyncIterable<Event> {
  /** What came of it. */
  readonly result: Promise<Result>;
  /** Ends the run. `result` rejects with `reason`, by default an `AbortError`. */
  abort(reason?: unknown): void;
  /** The events as a stream. Cancelling it aborts the run. */
  toReadableStream(): ReadableStream<Event>;
}

/**
 * One supervisor, one worker.
 *
 * ```ts
 * const run = new Minion({ worker, supervisor }).run({ task, context: [text] });
 * for await (const event of run) console.log(event.type, event);
 * const { answer, usage } = await run.result;
 * ```
 */
export class Minion {
  readonly #options: MinionOptions;

  constructor(options: MinionOptions) {
    this.#options = options;
  }

  /**
   * Starts a run. Failures arrive through `result` and through iterating.
   *
   * @throws {MinionsError} never itself; `result` rejects with `busy` while another run uses the same worker
   */
  run(request: RunRequest): Run<MinionEvent, Outcome> {
    const { worker, supervisor, maxRounds, workerMaxTokens } = this.#options;
    const { task, context, signal, onEvent } = request;
    let outcome: Outcome | undefined;
    const feed = new Feed<MinionEvent>(
      worker.client,
      async (stream, aborted) => {
        const limits = { max_rounds: maxRounds ?? null, worker_max_tokens: workerMaxTokens ?? null };
        const run = { ...limits, supervisor: await supervisor.toWire(), task, context };
        aborted.throwIfAborted();
        await worker.client.call("run", { stream, run });
      },
      (item) => {
        const event = item as MinionEvent;
        if (event.type === "run.finished") outcome = event.outcome;
        onEvent?.(event);
        return event;
      },
      signal,
    );
    const result = feed.ended.then(() => {
      if (!outcome) throw new MinionsError("internal", "the run ended without an outcome");
      return outcome;
    });
    // Whoever reads the events learns of the failure there; nobody has to look at `result` as well.
    result.catch(() => {});
    return {
      result,
      abort: (reason) => feed.abort(reason),
      toReadableStream: () => feed.toReadableStream(),
      [Symbol.asyncIterator]: () => feed[Symbol.asyncIterator](),
    };
  }
}
