/** What MinionS plans and finds, in words. */
import type { ChunkBy, Hidden, JobCounts, JobStatus, Plan, PrivateKind } from "minions-web";
import { count, plural } from "./words.js";

const PIECES: Record<ChunkBy, string> = {
  section: "pieces of equal size",
  page: "pages",
  paragraph: "paragraphs",
  sentence: "groups of sentences",
  code: "definitions",
  none: "whole documents",
};

/** The plan's steps, one sentence each. */
export function steps({ chunking, source, documents, select, tasks, samples, filter }: Plan): string[] {
  const text =
    source === "context"
      ? documents.length
        ? plural(documents.length, "document")
        : "everything"
      : source === "previous_hits"
        ? "what answered before"
        : "the earlier answers";
  const size = chunking.size === null ? "" : ` of at most ${count(chunking.size)} characters`;
  const words = select.keywords.map((keyword) => `“${typeof keyword === "string" ? keyword : keyword.word}”`);
  return [
    `Cut ${text} into ${PIECES[chunking.by]}${size}.`,
    ...(words.length ? [`Read only ${select.top_k ? `the best ${count(select.top_k)}` : "those"} with ${words.join(" or ")}.`] : []),
    ...(select.regex ? [`Read only those that match ${select.regex}.`] : []),
    ...tasks.map(({ task, advice }) => `Ask each: “${task}”${advice ? ` (${advice})` : ""}`),
    ...(samples > 1 ? [`Ask ${count(samples)} times.`] : []),
    ...(filter.must_match ? [`Keep answers that match ${filter.must_match}.`] : []),
  ];
}

/** How a job ended: a mark that needs no colour, and words. */
export const STATUS: Record<JobStatus | "waiting", { mark: string; words: string }> = {
  waiting: { mark: "·", words: "not read yet" },
  supported: { mark: "✓", words: "found, with a quote" },
  unsupported: { mark: "?", words: "answered without a valid quote" },
  absent: { mark: "–", words: "does not say" },
  truncated: { mark: "…", words: "cut off" },
  unreadable: { mark: "×", words: "unreadable reply" },
  failed: { mark: "!", words: "could not be asked" },
};

/** What became of a round's jobs. */
export function tally(counts: JobCounts): string {
  const parts: [number, string][] = [
    [counts.kept, "found"],
    [counts.absent, "do not say"],
    [counts.unsupported, "without a valid quote, left out"],
    [counts.filtered, "left out by the plan’s filter"],
    [counts.truncated, "cut off"],
    [counts.unreadable, "unreadable"],
    [counts.failed, "could not be asked"],
  ];
  return parts.filter(([number]) => number > 0).map(([number, words]) => `${count(number)} ${words}`).join(", ");
}

const KINDS: Record<PrivateKind, [one: string, many: string]> = {
  person: ["name of a person", "names of persons"],
  organization: ["organization", "organizations"],
  address: ["address", "addresses"],
  email: ["e-mail address", "e-mail addresses"],
  phone: ["phone number", "phone numbers"],
  ssn: ["social security number", "social security numbers"],
  credit_card: ["card number", "card numbers"],
  bank_account: ["bank account", "bank accounts"],
  id: ["identifier", "identifiers"],
  ip_address: ["IP address", "IP addresses"],
  date: ["date", "dates"],
  url: ["web address", "web addresses"],
  zip_code: ["postal code", "postal codes"],
  listed: ["listed text", "listed texts"],
};

/** What is hidden, by kind. */
export function hiddenWords(hidden: Hidden[]): string {
  const counts = new Map<PrivateKind, number>();
  for (const { kind } of hidden) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return [...counts].map(([kind, number]) => plural(number, ...(KINDS[kind] ?? ["text", "texts"]))).join(", ");
}
