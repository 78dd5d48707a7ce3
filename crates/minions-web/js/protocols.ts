/** The protocols. What each does is written in Rust, in `minions-protocol`; here is what a page calls. */
import { Engine } from "./engine.js";
import { MinionsError } from "./errors.js";
import type { Outcome, ProtocolName, RunEvent } from "./events.js";
import type { ChatModel } from "./model.js";
import type { AutoOptions, LocalOnlyOptions, MinionOptions, MinionsOptions } from "./options.js";
import { Provider } from "./providers.js";
import { type Run, type RunRequest, start } from "./run.js";
import type { WireProtocol } from "./wire.js";

/** The local model that reads the documents. */
export interface WorkerOption {
  /**
   * The local model that reads the documents, one run at a time: a second one rejects with `busy`. Or a model of your own, which
   * is then sent the documents, wherever it is; that needs no `Engine`.
   */
  worker: Engine | ChatModel;
}

/** The two models that take part in a run. */
export interface Participants extends WorkerOption {
  /** The cloud model that thinks, or a model of your own. */
  supervisor: Provider | ChatModel;
}

/** What all protocols do alike: keep their options, and start. */
abstract class Protocol {
  readonly #worker: Engine | ChatModel;
  readonly #supervisor: Provider | ChatModel | null;
  readonly #protocol: () => WireProtocol;

  constructor(name: ProtocolName | "auto", worker: Engine | ChatModel, supervisor: Provider | ChatModel | null, options: object) {
    if (!(worker instanceof Engine) && !isChatModel(worker)) {
      throw new MinionsError("invalid_request", "worker must be an Engine, or have a function chat");
    }
    if (supervisor !== null && !(supervisor instanceof Provider) && !isChatModel(supervisor)) {
      throw new MinionsError("invalid_request", "supervisor must come from openai(), provider() or the like, or have a function chat");
    }
    this.#worker = worker;
    this.#supervisor = supervisor;
    this.#protocol = () => ({ protocol: name, ...checked(options) });
  }

  /**
   * Starts a run.
   *
   * @throws {MinionsError} never itself: failures arrive through `result` and through iterating, such as `busy` while
   * another run uses the same worker, and with `outcome` what the run had come to
   */
  run(request: RunRequest): Run<RunEvent, Outcome> {
    return start(this.#worker, this.#supervisor, this.#protocol, request);
  }
}

/**
 * The conversation: the supervisor asks the worker one question after another. For documents that fit into the
 * worker's context.
 *
 * ```ts
 * const run = new Minion({ worker, supervisor }).run({ task, context: [text] });
 * for await (const event of run) console.log(event.type, event);
 * const { answer, usage } = await run.result;
 * ```
 */
export class Minion extends Protocol {
  constructor({ worker, supervisor, ...options }: Participants & MinionOptions) {
    super("minion", worker, supervisor, options);
  }
}

/**
 * The plan: the supervisor says what to look for, the worker reads every chunk in parallel, and what it found goes up
 * with checked quotes. For long documents.
 */
export class Minions extends Protocol {
  constructor({ worker, supervisor, ...options }: Participants & MinionsOptions) {
    super("minions", worker, supervisor, options);
  }
}

/** The worker alone: every chunk is asked the question. Nothing leaves the device. */
export class LocalOnly extends Protocol {
  constructor({ worker, ...options }: WorkerOption & LocalOnlyOptions) {
    super("local_only", worker, null, options);
  }
}

/**
 * The supervisor alone: **the documents are sent to it whole.** For comparison, and for documents that are neither
 * private nor long. The worker only lends its thread.
 */
export class RemoteOnly extends Protocol {
  constructor({ worker, supervisor }: Participants) {
    super("remote_only", worker, supervisor, {});
  }
}

/** Predicts what each protocol would cost, chooses one before anything is sent, and says why in `protocol.chosen`. */
export class Auto extends Protocol {
  constructor({ worker, supervisor, ...options }: Participants & AutoOptions) {
    super("auto", worker, supervisor, options);
  }
}

function isChatModel(model: ChatModel | undefined): boolean {
  return typeof model?.chat === "function";
}

/** Options without those that are left out. Numbers are checked here: Rust would only say that its JSON is invalid. @internal */
export function checked(options: object, path = ""): object {
  const set = Object.entries(options).filter(([, value]) => value != null);
  return Object.fromEntries(
    set.map(([name, value]) => {
      if (typeof value === "object") return [name, checked(value, `${path}${name}.`)];
      if (typeof value === "number" && !(Number.isInteger(value) && value >= 0 && value <= MAX_COUNT)) {
        throw new MinionsError("invalid_request", `${path}${name} is ${value}: it must be a whole number from 0 to ${MAX_COUNT}`);
      }
      return [name, value];
    }),
  );
}

/** The largest number that Rust counts with in WebAssembly. */
const MAX_COUNT = 2 ** 32 - 1;
