/** What every protocol's `run` takes and gives. */
import { Engine } from "./engine.js";
import { MinionsError, toWire } from "./errors.js";
import type { History, JobManifest, Outcome, RunEvent, Speaker, Transcript } from "./events.js";
import { Feed, type Home } from "./feed.js";
import type { ChatModel, ChatReply, ChatRequest } from "./model.js";
import { onErrand } from "./loading.js";
import type { Privacy } from "./options.js";
import { Provider } from "./providers.js";
import type { WireAsk, WireProtocol, WireQuestion } from "./wire.js";

/** What to find out, and on which terms. */
export interface RunRequest {
  /** The question. */
  task: string;
  /**
   * The documents. They stay in this browser, whatever the protocol, save with {@link RemoteOnly}, and with
   * {@link Auto} if `documentsMayLeave`; what the worker quotes from them is sent to the supervisor.
   */
  context: string[];
  /** What kind of documents these are, in a few words. The supervisor sees it. */
  metadata?: string | undefined;
  /** `outcome.history` of the last question about these documents, if this one follows up on it. */
  history?: History | undefined;
  /** What to hide from the supervisor; unless set, nothing. `{}` hides all that the detectors find. */
  privacy?: Privacy | null | undefined;
  /** What the supervisor costs, for `cost` in events and outcome; unless set, what the included table says. */
  price?: Price | undefined;
  /**
   * The `transcript` of an earlier run of the same question with the same options, or its outcome's: the calls that were
   * answered then are not made again, as long as this run goes as that one went. So a run that was stopped, or that failed, goes
   * on. Their usage counts as if they were made.
   */
  transcript?: Transcript | undefined;
  /** Makes sampling repeatable: a whole number from 0 on; 0 unless set. */
  seed?: number | undefined;
  /** Aborts the run. */
  signal?: AbortSignal | null | undefined;
  /** Told of every event; the same objects that iterating gives. An error that it throws ends the run. */
  onEvent?: ((event: RunEvent) => void) | undefined;
}

/** What a model costs per million tokens, in a currency of your choice. */
export interface Price {
  /** Tokens sent. */
  input: number;
  /** Tokens sent that the model had already read; unless set, as much as others. */
  cachedInput?: number | undefined;
  /** Tokens of the reply, hidden reasoning included. */
  output: number;
}

/** A run in progress. It goes on whether or not its events are read; leaving a `for await` over it early aborts it. */
export interface Run<Event, Result> extends AsyncIterable<Event> {
  /** What came of it. */
  readonly result: Promise<Result>;
  /** The calls that were answered so far: what {@link RunRequest.transcript} takes. */
  readonly transcript: Transcript;
  /** Ends the run. `result` rejects with `reason`, by default an `AbortError`. */
  abort(reason?: unknown): void;
  /** The events as a stream. Cancelling it aborts the run. */
  toReadableStream(): ReadableStream<Event>;
}

/**
 * Starts a run. Failures, also of what the caller passed, arrive through `result` and through iterating.
 * @internal
 */
export function start(
  worker: Engine | ChatModel,
  supervisor: Provider | ChatModel | null,
  protocol: () => WireProtocol,
  request: RunRequest,
): Run<RunEvent, Outcome> {
  const { signal, onEvent } = request;
  const jobs: JobManifest[] = [];
  const transcript: Transcript = { turns: [], jobs };
  let outcome: Outcome | undefined;
  let answer = (_: WireAsk) => {};
  const feed = new Feed<RunEvent>(
    worker instanceof Engine ? worker.client : errand,
    async (client, stream, aborted) => {
      const run = {
        protocol: protocol(),
        question: toQuestion(request),
        supervisor: supervisor instanceof Provider ? await supervisor.toWire() : supervisor && ({ kind: "page" } as const),
        worker: worker instanceof Engine ? null : { context_length: worker.contextLength ?? null },
      };
      aborted.throwIfAborted();
      answer = async ({ ask, speaker, request }) => {
        const model = speaker === "worker" ? worker : supervisor;
        const reply = await replyOf(model as ChatModel, speaker, request, aborted);
        // By then the run may have ended, and the worker with it.
        if (!aborted.aborted) client.call("answer", { stream, ask, reply }).catch(() => {});
      };
      await client.call("run", { stream, run });
    },
    (item) => {
      if ("ask" in (item as object)) return void answer(item as WireAsk);
      const event = item as RunEvent;
      if (event.type === "run.finished") outcome = event.outcome;
      if (event.type === "call.answered") transcript.turns.push(event.turn);
      if (event.type === "jobs.created") jobs.push(...event.jobs);
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
    transcript,
    abort: (reason) => feed.abort(reason),
    toReadableStream: () => feed.toReadableStream(),
    [Symbol.asyncIterator]: () => feed[Symbol.asyncIterator](),
  };
}

/** A worker's thread without a model, for one run. */
const errand: Home = { use: (work) => onErrand(undefined, "run", work) };

/** What a model of the page's says, or how it failed. */
async function replyOf(model: ChatModel, speaker: Speaker, request: ChatRequest, signal: AbortSignal) {
  try {
    const { content, finish_reason, usage }: ChatReply = await model.chat(request, { signal });
    if (typeof content === "string") return { content, finish_reason, usage };
    throw new MinionsError("bad_reply", `the ${speaker}'s chat() gave no content`);
  } catch (error) {
    const known = error instanceof MinionsError ? error : new MinionsError("provider_error", `the ${speaker}'s chat() failed: ${error}`);
    return { error: toWire(known) };
  }
}

/** @internal */
export function toQuestion(request: RunRequest): WireQuestion {
  const { task, context, metadata, history, privacy, price, transcript, seed } = request;
  check(typeof task === "string", "task must be a text");
  check(Array.isArray(context) && context.every((text) => typeof text === "string"), "context must be a list of texts");
  check(metadata == null || typeof metadata === "string", "metadata must be a text");
  check(seed == null || (Number.isSafeInteger(seed) && seed >= 0), "seed must be a whole number from 0 on");
  check(history == null || Array.isArray(history.exchanges), "history must be an outcome's");
  check(transcript == null || Array.isArray(transcript.turns), "transcript must be a run's");
  if (privacy != null) {
    for (const name of ["names", "kinds", "keep"] as const) {
      const list: unknown = privacy[name];
      check(list === undefined || isTexts(list), `privacy.${name} must be a list of texts`);
    }
  }
  if (price != null) {
    for (const name of ["input", "cachedInput", "output"] as const) {
      const amount = price[name];
      const isAmount = typeof amount === "number" && Number.isFinite(amount) && amount >= 0;
      check(isAmount || (name === "cachedInput" && amount === undefined), `price.${name} must be an amount per million tokens`);
    }
  }
  return {
    task,
    context,
    metadata: metadata ?? null,
    history: history ?? { exchanges: [] },
    privacy: privacy ?? null,
    price: price == null ? null : { input: price.input, cached_input: price.cachedInput ?? null, output: price.output },
    earlier: transcript ?? { turns: [] },
    seed: seed ?? 0,
  };
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

function check(holds: boolean, complaint: string): void {
  if (!holds) throw new MinionsError("invalid_request", complaint);
}
