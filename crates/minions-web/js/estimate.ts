/** What a run would take, before it starts. */
import { Engine } from "./engine.js";
import { MinionsError } from "./errors.js";
import type { Forecast, ProtocolName } from "./events.js";
import type { ChatModel } from "./model.js";
import type { AutoOptions } from "./options.js";
import { checked } from "./protocols.js";
import { Provider } from "./providers.js";
import { type RunRequest, toQuestion } from "./run.js";
import type { Speed } from "./types.js";

/** What is predicted. */
export interface Estimate {
  /** The protocol that {@link Auto} would choose. */
  protocol: ProtocolName;
  /** Why, in a sentence. */
  reason: string;
  /** What each protocol would take. */
  forecasts: TimedForecast[];
  /** How fast the worker is on this device. */
  speed: Speed;
}

/** What a protocol would take. */
export interface TimedForecast extends Forecast {
  /** How long the run would last. */
  seconds: number;
}

/** Who would take part, and how. */
export interface EstimateOptions extends AutoOptions {
  /** The local model that would read the documents. */
  worker: Engine;
  /** The cloud model that would think: for its price. */
  supervisor?: Provider | ChatModel | undefined;
}

/** Large models in the cloud usually take so long until they begin, and write so fast. */
const CLOUD_SECONDS = 1;
const CLOUD_TOKENS_PER_SECOND = 60;

/** So many replies the worker writes at a time when its speed with many is measured. */
const BATCH = 8;

/**
 * Predicts the time, tokens and cost of every protocol, and which one {@link Auto} would choose. Nothing is sent, and no model is
 * asked. How fast the worker is here is measured the first time, in about the time of a short reply, and remembered for this
 * adapter and model.
 *
 * @throws {MinionsError} `invalid_request`
 */
export async function estimate(
  { worker, supervisor, ...options }: EstimateOptions,
  request: Pick<RunRequest, "task" | "context" | "price" | "signal">,
): Promise<Estimate> {
  if (!(worker instanceof Engine)) throw new MinionsError("invalid_request", "worker must be an Engine");
  const model = supervisor instanceof Provider ? supervisor.model : null;
  const prediction = { auto: checked(options), question: toQuestion(request), model };
  const { forecasts, ...choice } = await worker.client.call("predict", prediction, request);
  const speed = await worker.client.call("measure", null, request);
  return { ...choice, forecasts: forecasts.map((forecast) => ({ ...forecast, seconds: secondsOf(forecast, speed) })), speed };
}

function secondsOf({ local, localCalls, remote, remoteCalls, protocol }: Forecast, speed: Speed): number {
  // A conversation's questions come one after the other; jobs come all at once.
  const isBatched = protocol !== "minion" && localCalls >= BATCH;
  const writing = isBatched ? speed.batchDecode : speed.decode;
  const worker = (local.prompt_tokens - local.cached_tokens) / speed.prefill + local.completion_tokens / writing;
  return worker + remoteCalls * CLOUD_SECONDS + remote.completion_tokens / CLOUD_TOKENS_PER_SECOND;
}
