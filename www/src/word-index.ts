/** Where runs of words stand in documents, found out in slices so that the page goes on meanwhile. */
import type { Doc } from "./reading.js";

/** So many words in a row are no coincidence. */
const RUN_OF_WORDS = 5;

/** So many words are taken in before others get their turn: a few milliseconds' worth. */
const SLICE = 2_000;

const WORD = /[\p{L}\p{N}][^\s]*/gu;

export const wordsOf = (text: string): string[] => text.toLowerCase().match(WORD) ?? [];

/** Every run of five words of a text. */
export function* runsOf(words: readonly string[]): Generator<string> {
  for (let start = 0; start + RUN_OF_WORDS <= words.length; start++) yield words.slice(start, start + RUN_OF_WORDS).join(" ");
}

const known = new WeakMap<readonly Doc[], WordIndex>();

/** The runs of five words in some documents. */
export class WordIndex {
  /** Of each document the words alone. */
  readonly #texts: string[] = [];
  /** Hashes of all runs: a few megabytes where the runs themselves would be hundreds. */
  readonly #hashes = new Set<number>();
  /** Settles when all of it is there. */
  readonly ready: Promise<void>;
  isReady = false;

  private constructor(documents: readonly Doc[]) {
    this.ready = this.#take(documents);
  }

  /** The one index of these documents. */
  static of(documents: readonly Doc[]): WordIndex {
    const index = known.get(documents) ?? new WordIndex(documents);
    known.set(documents, index);
    return index;
  }

  has(run: string): boolean {
    return this.#hashes.has(hash(run)) && this.#texts.some((text) => text.includes(` ${run} `));
  }

  async #take(documents: readonly Doc[]): Promise<void> {
    for (const { text } of documents) {
      const words: string[] = [];
      for (const [word] of text.toLowerCase().matchAll(WORD)) {
        // The first slice, too, is a task of its own: whoever asks for an index has just begun a run.
        if (words.length % SLICE === 0) await new Promise((resolve) => setTimeout(resolve));
        words.push(word);
        if (words.length >= RUN_OF_WORDS) this.#hashes.add(hash(words.slice(-RUN_OF_WORDS).join(" ")));
      }
      this.#texts.push(` ${words.join(" ")} `);
    }
    this.isReady = true;
  }
}

/** FNV-1a (Fowler, Noll and Vo), over the text's code units. */
function hash(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash;
}
