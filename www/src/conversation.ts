/** A run as the page shows it, built up from the run's events alone. */
import type { MinionEvent, Outcome, Usage } from "minions-web";
import type { Failure } from "./words.js";

/** Something one of the two models said. */
export interface Turn {
  kind: "turn";
  who: "supervisor" | "worker";
  round: number;
  /** What the reader sees. */
  text: string;
  /** The reply as it came, where that differs from `text`. */
  raw?: string;
  /** What the supervisor says about its reasons. */
  reasoning?: string;
  state: "waiting" | "streaming" | "done" | "cut";
  startedAt: number;
  elapsedMs?: number;
  usage?: Usage;
}

/** A round's beginning, or a remark about what went differently. */
export type Item = Turn | { kind: "round"; round: number } | { kind: "remark"; text: string };

/** One request to the supervisor, as the ledger lists it. */
export interface Sent {
  round: number;
  stage: string;
  at: Date;
  messages: { role: string; content: string }[];
  /** How many of `messages` were sent before. */
  repeated: number;
}

export type RunState = "idle" | "running" | "answered" | "unanswered" | "failed" | "stopped";

/** Where the requests of a run go. */
export type Destination = { kind: "recording" } | { kind: "server"; host: string; model: string };

export interface Conversation {
  state: RunState;
  items: Item[];
  sent: Sent[];
  /** What the worker replied: the only words in `sent` that can come from the document. */
  replies: string[];
  usage: { local: Usage; remote: Usage };
  startedAt: number;
  elapsedMs: number;
  /** As they were when the run began. */
  task: string;
  document: string;
  destination: Destination;
  workerName: string;
  outcome?: Outcome;
  failure?: Failure;
  events: MinionEvent[];
}

const noUsage = (): Usage => ({ prompt_tokens: 0, completion_tokens: 0, cached_tokens: 0, reasoning_tokens: 0 });

const sum = (a: Usage, b: Usage): Usage => ({
  prompt_tokens: a.prompt_tokens + b.prompt_tokens,
  completion_tokens: a.completion_tokens + b.completion_tokens,
  cached_tokens: a.cached_tokens + b.cached_tokens,
  reasoning_tokens: a.reasoning_tokens + b.reasoning_tokens,
});

export function begin(about: Pick<Conversation, "task" | "document" | "destination" | "workerName">): Conversation {
  return {
    ...about,
    state: "running",
    items: [],
    sent: [],
    replies: [],
    usage: { local: noUsage(), remote: noUsage() },
    startedAt: performance.now(),
    elapsedMs: 0,
    events: [],
  };
}

/** Takes note of an event. Returns what is worth announcing to someone who cannot see the page. */
export function follow(run: Conversation, event: MinionEvent): string | undefined {
  run.events.push(event);
  const now = performance.now();
  switch (event.type) {
    case "round.started": {
      // A later round begins with the question that the supervisor has just put, although the reply that holds it still
      // belongs to the round before.
      const asked = run.items.findLastIndex((item) => item.kind === "turn" && item.who === "supervisor");
      run.items.splice(asked < 0 ? run.items.length : asked, 0, { kind: "round", round: event.round });
      return;
    }
    case "supervisor.request":
      run.sent.push({
        round: event.round,
        stage: event.stage,
        at: new Date(),
        messages: event.messages,
        repeated: run.sent.at(-1)?.messages.length ?? 0,
      });
      run.items.push({ kind: "turn", who: "supervisor", round: event.round, text: "", state: "waiting", startedAt: now });
      return;
    case "supervisor.response": {
      const turn = open(run, "supervisor");
      run.usage.remote = sum(run.usage.remote, event.usage);
      if (turn) {
        Object.assign(turn, { state: "done", raw: event.content, usage: event.usage, elapsedMs: now - turn.startedAt });
        Object.assign(turn, readable(event.content));
      }
      return turn?.text && `Supervisor: ${turn.text}`;
    }
    case "reply.rejected":
      run.items.push({ kind: "remark", text: `The supervisor’s reply could not be used: ${event.reason}.` });
      return;
    case "reply.degraded":
      run.items.push({ kind: "remark", text: fallbacks[event.fallback] ?? "The run goes on without a readable reply." });
      return;
    case "worker.request": {
      const asked = run.items.findLast((item): item is Turn => item.kind === "turn");
      if (asked?.who === "supervisor") asked.text = event.message;
      run.items.push({ kind: "turn", who: "worker", round: event.round, text: "", state: "waiting", startedAt: now });
      return;
    }
    case "worker.delta": {
      const turn = open(run, "worker");
      if (turn) {
        turn.state = "streaming";
        turn.text += event.delta;
      }
      return;
    }
    case "worker.response": {
      const turn = open(run, "worker");
      run.usage.local = sum(run.usage.local, event.usage);
      run.replies.push(event.content);
      if (!turn) return;
      Object.assign(turn, { state: "done", text: event.content, usage: event.usage, elapsedMs: now - turn.startedAt });
      if (event.finishReason === "length") {
        run.items.push({ kind: "remark", text: "The worker’s reply was cut off at its token limit." });
      }
      return `Worker: ${event.content}`;
    }
    case "run.finished": {
      const { outcome } = event;
      run.outcome = outcome;
      run.usage = outcome.usage;
      run.state = outcome.answer === null ? "unanswered" : "answered";
      return outcome.answer === null ? outcome.reason?.message : `Answer: ${outcome.answer}`;
    }
    default:
      return;
  }
}

/** Ends a run that has no outcome. What was being said stays, marked as cut off. */
export function breakOff(run: Conversation, state: "failed" | "stopped", failure?: Failure): void {
  run.state = state;
  if (failure) run.failure = failure;
  for (const item of run.items) {
    if (item.kind === "turn" && item.state !== "done") item.state = "cut";
  }
}

/** The last turn of a speaker, if it still goes on. */
function open(run: Conversation, who: Turn["who"]): Turn | undefined {
  const turn = run.items.findLast((item): item is Turn => item.kind === "turn" && item.who === who);
  return turn?.state === "waiting" || turn?.state === "streaming" ? turn : undefined;
}

const fallbacks: Record<string, string> = {
  reply_as_message: "The supervisor’s words are put to the worker as they stand.",
  task_as_message: "The worker is asked the task itself.",
  reply_as_answer: "The supervisor’s words as they stand are taken as the answer.",
  no_answer: "There is no answer in the supervisor’s last reply.",
};

/** The part of a supervisor's JSON reply that a reader wants. The engine has its own, forgiving reader; this is display. */
function readable(content: string): Pick<Turn, "text"> & { reasoning?: string } {
  try {
    const reply: unknown = JSON.parse(content);
    if (reply && typeof reply === "object") {
      const { reasoning, message, decision } = reply as Record<string, unknown>;
      return {
        text: decision === "provide_final_answer" ? "I can answer now." : typeof message === "string" ? message : content,
        ...(typeof reasoning === "string" && reasoning.trim() ? { reasoning } : {}),
      };
    }
  } catch {
    // Not JSON, or JSON in prose: shown as it came.
  }
  return { text: content };
}
