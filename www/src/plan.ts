/** What MinionS plans and finds, in words. */
import type { Hidden, JobCounts, JobStatus, Plan, PrivateKind } from "minions-web";
import { strings } from "./strings.js";

/** The plan's steps, one sentence each. */
export function steps({ chunking, source, documents, select, tasks, samples, filter }: Plan): string[] {
  const says = strings.plan;
  const text =
    source === "context"
      ? documents.length
        ? says.documents(documents.length)
        : says.everything
      : source === "previous_hits"
        ? says.previousHits
        : says.earlierAnswers;
  const words = select.keywords.map((keyword) => (typeof keyword === "string" ? keyword : keyword.word));
  return [
    says.cut(text, says.pieces[chunking.by], chunking.size),
    ...(words.length ? [says.withWords(select.top_k, words)] : []),
    ...(select.regex ? [says.matching(select.regex)] : []),
    ...tasks.map(({ task, advice }) => says.ask(task, advice)),
    ...(samples > 1 ? [says.askTimes(samples)] : []),
    ...(filter.must_match ? [says.keep(filter.must_match)] : []),
  ];
}

/** How a job ended, as a mark that needs no colour; `strings.jobs.status` has the words. */
export const MARKS: Record<JobStatus | "waiting", string> = {
  waiting: "·",
  supported: "✓",
  unsupported: "?",
  absent: "–",
  truncated: "…",
  unreadable: "×",
  failed: "!",
};

/** The order in which it is told what became of jobs. */
const ENDS = ["kept", "absent", "unsupported", "filtered", "truncated", "unreadable", "failed"] as const;

/** What became of a round's jobs. */
export function tally(counts: JobCounts): string {
  return ENDS.filter((end) => counts[end] > 0).map((end) => strings.jobs.tally[end](counts[end])).join(", ");
}

/** What is hidden, by kind. */
export function hiddenWords(hidden: Hidden[]): string {
  const counts = new Map<PrivateKind, number>();
  for (const { kind } of hidden) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return [...counts].map(([kind, number]) => (strings.hidden[kind] ?? strings.hidden.other)(number)).join(", ");
}
