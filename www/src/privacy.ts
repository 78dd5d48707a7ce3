/** What the ledger can prove about the messages of a run. */
import type { Conversation, Sent } from "./conversation.js";
import { utf8Length } from "./words.js";

/** So many words in a row are no coincidence. */
const RUN_OF_WORDS = 5;

/** Earlier questions with the supervisor's answers, which go along with one that follows: what it was asked and said itself. */
const HISTORY = /<history>[^]*?<\/history>/g;

const words = (text: string): string[] => text.toLowerCase().match(/[\p{L}\p{N}][^\s]*/gu) ?? [];

export interface Part {
  text: string;
  /** Whether the worker said it. */
  worker: boolean;
}

/** A message cut into what the worker said and everything else. */
export function parts(content: string, replies: readonly string[]): Part[] {
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

/** The messages of a request that were not sent before. */
export const fresh = (sent: Sent): Sent["messages"] => sent.messages.slice(sent.repeated);

export const requestBytes = (sent: Sent): number => sent.messages.reduce((all, { content }) => all + utf8Length(content), 0);

export interface Balance {
  requests: number;
  /** Text in all requests; what is sent again counts again. */
  bytes: number;
  /** The part of it that the worker said. */
  workerBytes: number;
  /** Five words in a row from a document in something that was sent and that no model said. */
  leaked?: string;
}

export function balance(run: Conversation): Balance {
  const result: Balance = { requests: run.sent.length, bytes: 0, workerBytes: 0 };
  const inDocuments = new Set(run.documents.flatMap(({ text }) => [...shingles(words(text))]));
  for (const sent of run.sent) {
    for (const { role, content } of sent.messages) {
      result.bytes += utf8Length(content);
      // What the supervisor said itself goes back to it as it came.
      if (role === "assistant") continue;
      for (const part of parts(content.replace(HISTORY, ""), run.replies)) {
        if (part.worker) result.workerBytes += utf8Length(part.text);
        else if (!result.leaked) {
          const found = [...shingles(words(part.text))].find((shingle) => inDocuments.has(shingle));
          if (found) result.leaked = found;
        }
      }
    }
  }
  return result;
}

function shingles(list: string[]): Set<string> {
  const all = new Set<string>();
  for (let start = 0; start + RUN_OF_WORDS <= list.length; start++) {
    all.add(list.slice(start, start + RUN_OF_WORDS).join(" "));
  }
  return all;
}
