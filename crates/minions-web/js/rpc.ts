/**
 * Calls between the page and the worker: `{id, method, params}` is answered by any number of `{id, event}` and one
 * `{id, result}` or `{id, error}`; `{cancel: id}` aborts the call's signal; `{fatal}` says that the worker is dead.
 * There are no streams here: a stream is a method that is called for the next items.
 */
import { type MinionsError, fromWire, toWire, type WireError } from "./errors.js";

/** What messages go through: a `Worker` on one side, the worker's global scope on the other. */
export type Endpoint = Pick<Worker, "postMessage" | "addEventListener">;

/** What a method learns about the call besides its parameters. */
export interface Context<Event> {
  /** Aborted when the caller no longer wants the result. */
  signal: AbortSignal;
  /** Sends an event to the caller. */
  emit(event: Event): void;
}

type Table<T> = { [Name in keyof T]: { params: unknown; result: unknown; event: unknown } };

/** Implementations of methods. */
export type Handlers<T extends Table<T>> = {
  [Name in keyof T]: (params: T[Name]["params"], context: Context<T[Name]["event"]>) => Promise<T[Name]["result"]>;
};

type Request = { id: number; method: string; params: unknown } | { cancel: number };
type Reply = { id: number; result: unknown } | { id: number; error: WireError } | { id: number; event: unknown } | { fatal: string };

interface Pending {
  resolve(result: unknown): void;
  reject(reason: unknown): void;
  onEvent: ((event: never) => void) | undefined;
}

let lastId = 0;

/** The calling side. */
export class Client<T extends Table<T>> {
  readonly #endpoint: Endpoint;
  readonly #pending = new Map<number, Pending>();
  readonly #closing = new AbortController();

  /** `onFatal` is told why the worker has died, and gives what pending calls, and all later ones, reject with. */
  constructor(endpoint: Endpoint, onFatal: (reason: string) => MinionsError) {
    this.#endpoint = endpoint;
    const { signal } = this.#closing;
    const fail = (reason: string) => this.close(onFatal(reason));
    endpoint.addEventListener("message", (event) => this.#receive((event as MessageEvent<Reply>).data, fail), { signal });
    endpoint.addEventListener("messageerror", () => fail("a message of the worker could not be read"), { signal });
    endpoint.addEventListener("error", (event) => {
      const { message } = event as ErrorEvent;
      fail(message || "the worker's script could not be loaded");
    }, { signal });
  }

  /** A number that no other call or stream has, of whichever client: a worker may serve one after the other. */
  newId(): number {
    return ++lastId;
  }

  call<Name extends keyof T & string>(
    method: Name,
    params: T[Name]["params"],
    options: { signal?: AbortSignal | null | undefined; onEvent?: ((event: T[Name]["event"]) => void) | undefined } = {},
  ): Promise<T[Name]["result"]> {
    const { signal, onEvent } = options;
    return new Promise<unknown>((resolve, reject) => {
      this.#closing.signal.throwIfAborted();
      signal?.throwIfAborted();
      const id = this.newId();
      this.#endpoint.postMessage({ id, method, params } satisfies Request);
      this.#pending.set(id, { resolve, reject, onEvent });
      signal?.addEventListener("abort", () => {
        if (!this.#pending.delete(id)) return;
        this.#endpoint.postMessage({ cancel: id } satisfies Request);
        reject(signal.reason);
      }, { signal: this.#closing.signal });
    });
  }

  /** Rejects what is pending, and every later call, with `error`. */
  close(error: MinionsError): void {
    this.#closing.abort(error);
    for (const call of this.#pending.values()) call.reject(error);
    this.#pending.clear();
  }

  #receive(reply: Reply, fail: (message: string) => void): void {
    if ("fatal" in reply) return fail(reply.fatal);
    const call = this.#pending.get(reply.id);
    if (!call) return;
    if ("event" in reply) return call.onEvent?.(reply.event as never);
    this.#pending.delete(reply.id);
    return "error" in reply ? call.reject(fromWire(reply.error)) : call.resolve(reply.result);
  }
}

/** The answering side. Returns the way to say that it is dead. */
export function serve<T extends Table<T>>(endpoint: Endpoint, handlers: Handlers<T>): (message: string) => void {
  const running = new Map<number, AbortController>();
  const reply = (message: Reply) => endpoint.postMessage(message);
  endpoint.addEventListener("message", async (event) => {
    const request = (event as MessageEvent<Request>).data;
    if ("cancel" in request) return running.get(request.cancel)?.abort();
    const { id, method, params } = request;
    const controller = new AbortController();
    running.set(id, controller);
    const context = { signal: controller.signal, emit: (event: unknown) => reply({ id, event }) };
    try {
      reply({ id, result: await handlers[method as keyof T](params as never, context) });
    } catch (error) {
      reply({ id, error: toWire(error) });
    } finally {
      running.delete(id);
    }
  });
  return (message) => reply({ fatal: message });
}
