/** What the ledger can prove about the messages of a run. */
import type { Conversation, Sent } from "./conversation.js";
import { utf8Length } from "./sizes.js";
import { WordIndex, runsOf, wordsOf } from "./word-index.js";

/** Earlier questions with the supervisor's answers, which go along with one that follows: what it was asked and said itself. */
const HISTORY = /<history>[^]*?<\/history>/g;

interface Part {
  text: string;
  /** Whether the worker said it. */
  worker: boolean;
}

/** A message cut into what the worker said and everything else. */
function parts(content: string, replies: readonly string[]): Part[] {
  let cut: Part[] = [{ text: content, worker: false }];
  // Longest first: a short reply may be part of a longer one.
  const texts = [...new Set(replies.map((reply) => reply.trim()).filter(Boolean))].sort((a, b) => b.length - a.length);
  for (const text of texts) {
    cut = cut.flatMap((part) => {
      if (part.worker) return [part];
      return part.text.split(text).flatMap((piece, index) => [
        ...(index > 0 ? [{ text, worker: true }] : []),
        ...(piece ? [{ text: piece, worker: false }] : []),
      ]);
    });
  }
  return cut;
}

/** A request as the ledger shows it. */
export interface Entry {
  bytes: number;
  /** The messages that were not sent before. */
  fresh: { role: string; parts: Part[] }[];
  /** The part of all messages that the worker said. */
  workerBytes: number;
  /** What neither model said. */
  own: string[];
}

const entries = new WeakMap<Sent, Entry>();

/** What is to be said of a request: once, for nothing that the worker says later stands in it. */
export function entryOf(sent: Sent, replies: readonly string[]): Entry {
  const known = entries.get(sent);
  if (known) return known;
  const fresh = sent.messages.slice(sent.repeated).map(({ role, content }) => ({ role, parts: parts(content, replies) }));
  // What the supervisor said itself goes back to it as it came.
  const asked = sent.messages.filter(({ role }) => role !== "assistant").flatMap(({ content }) => parts(content.replace(HISTORY, ""), replies));
  const entry: Entry = {
    bytes: sum(sent.messages.map(({ content }) => content)),
    fresh,
    workerBytes: sum(asked.filter(({ worker }) => worker).map(({ text }) => text)),
    own: asked.filter(({ worker }) => !worker).map(({ text }) => text),
  };
  entries.set(sent, entry);
  return entry;
}

export interface Balance {
  requests: number;
  /** Text in all requests; what is sent again counts again. */
  bytes: number;
  /** The part of it that the worker said. */
  workerBytes: number;
  /** Five words in a row from a document in something that was sent and that no model said; `undefined` until that was looked at. */
  leaked?: string | null;
}

/** Of each entry, what of it stands in the documents: it is looked for once. */
const leaks = new WeakMap<Entry, string | null>();

export function balance(run: Conversation): Balance {
  const all = run.sent.map((sent) => entryOf(sent, run.replies));
  const bytes = all.reduce((total, entry) => total + entry.bytes, 0);
  const workerBytes = all.reduce((total, entry) => total + entry.workerBytes, 0);
  const result: Balance = { requests: all.length, bytes, workerBytes };
  const index = WordIndex.of(run.documents);
  if (!index.isReady) return result;
  return { ...result, leaked: all.reduce<string | null>((found, entry) => found ?? leakOf(entry, index), null) };
}

function leakOf(entry: Entry, index: WordIndex): string | null {
  const known = leaks.get(entry);
  if (known !== undefined) return known;
  const leak = firstLeak(entry.own, index);
  leaks.set(entry, leak);
  return leak;
}

function firstLeak(texts: readonly string[], index: WordIndex): string | null {
  for (const text of texts) {
    for (const run of runsOf(wordsOf(text))) {
      if (index.has(run)) return run;
    }
  }
  return null;
}

const sum = (texts: readonly string[]): number => texts.reduce((all, text) => all + utf8Length(text), 0);
