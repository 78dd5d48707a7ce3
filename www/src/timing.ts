/** When each model worked in a run, by the times of the run's events. */
import type { Conversation } from "./conversation.js";

/** A stretch of a run in which one model worked, in milliseconds from the run's beginning. */
export interface Stretch {
  who: "supervisor" | "worker";
  round: number;
  /** What was done. */
  what: "thinks" | "replies" | "jobs";
  from: number;
  to: number;
}

/** The stretches of a run in their order; what was broken off ends with the run. */
export function stretches({ events, times, startedAt, elapsedMs }: Conversation): Stretch[] {
  const all: Stretch[] = [];
  const open = new Map<Stretch["what"], Stretch>();
  events.forEach((event, index) => {
    const at = times[index]! - startedAt;
    const begin = (who: Stretch["who"], what: Stretch["what"], round: number) => {
      const stretch = { who, what, round, from: at, to: elapsedMs };
      open.set(what, stretch);
      all.push(stretch);
    };
    const end = (what: Stretch["what"]) => {
      const stretch = open.get(what);
      if (stretch) stretch.to = at;
      open.delete(what);
    };
    switch (event.type) {
      case "supervisor.request":
        return begin("supervisor", "thinks", event.round);
      case "supervisor.response":
        return end("thinks");
      case "worker.request":
        return begin("worker", "replies", event.round);
      case "worker.response":
        return end("replies");
      case "jobs.created":
        return begin("worker", "jobs", event.round);
      case "jobs.filtered":
        return end("jobs");
    }
  });
  return all;
}

/** How long a model worked in all. */
export function time(all: readonly Stretch[], who: Stretch["who"]): number {
  return all.filter((stretch) => stretch.who === who).reduce((sum, { from, to }) => sum + to - from, 0);
}
