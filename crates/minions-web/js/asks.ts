/** In the worker: what models of the page's are asked in a run, and their replies on the way back. */
import { fromWire, type WireError } from "./errors.js";
import type { ChatReply } from "./model.js";
import type { Ask, WireAsk } from "./wire.js";

export class Asks {
  readonly #waiting = new Map<number, { resolve: (reply: ChatReply) => void; reject: (error: unknown) => void }>();
  #last = 0;

  /** `tell` brings a question to the page. */
  constructor(tell: (ask: WireAsk) => void) {
    this.ask = (speaker, request) =>
      new Promise((resolve, reject) => {
        const ask = ++this.#last;
        this.#waiting.set(ask, { resolve, reject });
        tell({ ask, speaker, request });
      });
  }

  readonly ask: Ask;

  answer(ask: number, reply: ChatReply | { error: WireError }): void {
    const waiting = this.#waiting.get(ask);
    this.#waiting.delete(ask);
    if ("error" in reply) waiting?.reject(fromWire(reply.error));
    else waiting?.resolve(reply);
  }
}
