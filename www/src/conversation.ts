/** A run as the page shows it, built up from the run's events alone. */
import type { Cost, Hidden, JobCounts, JobManifest, JobResult, Outcome, Plan, ProtocolName, RunEvent, RunUsage, Stage, Usage } from "minions-web";
import { quotedIn, type Place } from "./citation.js";
import { hiddenWords, tally } from "./plan.js";
import type { Failure } from "./failure.js";
import type { Protocol } from "./protocols.js";
import type { Doc } from "./reading.js";
import { strings } from "./strings.js";

/** Something one of the two models said. */
export interface Turn {
  kind: "turn";
  who: "supervisor" | "worker";
  round: number;
  /** What the reader sees. */
  text: string;
  /** What the supervisor says about its reasons. */
  reasoning?: string;
  state: "waiting" | "streaming" | "done" | "cut";
  startedAt: number;
  elapsedMs?: number;
  usage?: Usage;
  /** Where the document has these words, if it does. */
  place?: Place;
}

/** A job of MinionS. */
export interface Job {
  manifest: JobManifest;
  result?: JobResult;
}

/** The jobs of a round. */
export interface Jobs {
  kind: "jobs";
  round: number;
  list: Job[];
  counts?: JobCounts;
}

/** Besides turns and jobs: a plan, a round's beginning, or a remark about what went differently. */
export type Item =
  | Turn
  | Jobs
  | { kind: "plan"; plan: Plan; isFallback: boolean }
  | { kind: "round"; round: number }
  | { kind: "remark"; text: string };

/** One request to the supervisor, as the ledger lists it. */
export interface Sent {
  round: number;
  stage: Stage;
  at: Date;
  messages: { role: string; content: string }[];
  /** How many of the first of `messages` the last request had, too. */
  repeated: number;
}

const says = strings.conversation;

export type RunState = "idle" | "running" | "answered" | "unanswered" | "failed" | "stopped";

/** Where the requests of a run go. */
export type Destination = { kind: "recording" } | { kind: "nowhere" } | { kind: "server"; host: string; model: string };

export interface Conversation {
  state: RunState;
  items: Item[];
  sent: Sent[];
  /** What the worker replied: the only words in `sent` that can come from the document. */
  replies: string[];
  usage: RunUsage;
  cost?: Cost;
  /** What is hidden from the supervisor; `undefined` if nothing was asked to be. */
  hidden?: Hidden[];
  /** Which protocol answers: the choice, or what `auto` chose. */
  protocol: Protocol | ProtocolName;
  startedAt: number;
  elapsedMs: number;
  /** As they were when the run began. */
  task: string;
  documents: readonly Doc[];
  destination: Destination;
  workerName: string;
  outcome?: Outcome;
  failure?: Failure;
  events: RunEvent[];
  /** When each of them came. */
  times: number[];
}

const noUsage = (): Usage => ({ prompt_tokens: 0, completion_tokens: 0, cached_tokens: 0, reasoning_tokens: 0 });

export function begin(about: Pick<Conversation, "task" | "documents" | "destination" | "workerName" | "protocol">): Conversation {
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
    times: [],
  };
}

/** Takes note of an event. Returns what is worth announcing to someone who cannot see the page. */
export function follow(run: Conversation, event: RunEvent): string | undefined {
  const now = performance.now();
  run.events.push(event);
  run.times.push(now);
  switch (event.type) {
    case "round.started": {
      // A later round begins with the question that the supervisor has just put, although the reply that holds it still
      // belongs to the round before.
      const asked = run.items.findLastIndex((item) => item.kind === "turn" && item.who === "supervisor");
      run.items.splice(asked < 0 ? run.items.length : asked, 0, { kind: "round", round: event.round });
      return;
    }
    case "protocol.chosen":
      run.protocol = event.protocol;
      run.items.push({ kind: "remark", text: says.chosen(strings.protocols[event.protocol].name, event.reason) });
      return;
    case "privacy.applied":
      run.hidden = event.hidden;
      return event.hidden.length ? says.hidden(hiddenWords(event.hidden)) : undefined;
    case "usage.updated":
      run.usage = event.usage;
      if (event.cost) run.cost = event.cost;
      return;
    case "plan.adopted":
      run.items.push({ kind: "plan", plan: event.plan, isFallback: event.isFallback });
      return;
    case "jobs.created":
      run.items.push({ kind: "jobs", round: event.round, list: event.jobs.map((manifest) => ({ manifest })) });
      return says.jobsStarted(event.jobs.length);
    case "job.finished": {
      const job = jobs(run)?.list.find(({ manifest }) => manifest.jobId === event.result.jobId);
      if (job) job.result = event.result;
      run.replies.push(...words(event.result));
      return;
    }
    case "jobs.filtered": {
      const round = jobs(run);
      if (round) round.counts = event.counts;
      return says.jobsDone(tally(event.counts));
    }
    case "supervisor.request":
      run.sent.push({
        round: event.round,
        stage: event.stage,
        at: new Date(),
        messages: event.messages,
        repeated: common(run.sent.at(-1)?.messages ?? [], event.messages),
      });
      run.items.push({ kind: "turn", who: "supervisor", round: event.round, text: "", state: "waiting", startedAt: now });
      return;
    case "supervisor.response": {
      const turn = open(run, "supervisor");
      if (turn) {
        Object.assign(turn, { state: "done", usage: event.usage, elapsedMs: now - turn.startedAt });
        Object.assign(turn, readable(event.content));
      }
      return turn?.text && says.supervisor(turn.text);
    }
    case "reply.rejected":
      run.items.push({ kind: "remark", text: says.rejected(event.reason) });
      return;
    case "reply.degraded":
      run.items.push({ kind: "remark", text: says.fallbacks[event.fallback] });
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
      run.replies.push(event.content);
      if (!turn) return;
      const place = quotedIn(event.content, run.documents);
      Object.assign(turn, { state: "done", text: event.content, usage: event.usage, elapsedMs: now - turn.startedAt, place });
      if (event.finishReason === "length") {
        run.items.push({ kind: "remark", text: says.cutOff });
      }
      return says.worker(event.content);
    }
    case "run.finished": {
      const { outcome } = event;
      run.outcome = outcome;
      run.usage = outcome.usage;
      if (outcome.cost) run.cost = outcome.cost;
      run.state = outcome.answer === null ? "unanswered" : "answered";
      return outcome.answer === null ? outcome.reason?.message : says.answer(outcome.answer);
    }
    case "run.failed":
      run.usage = event.outcome.usage;
      return;
    default:
      return;
  }
}

/** How many messages two requests begin with alike. MinionS goes back to its first ones, and on from there with others. */
function common(before: Sent["messages"], now: Sent["messages"]): number {
  const at = now.findIndex(({ role, content }, index) => before[index]?.role !== role || before[index].content !== content);
  return at < 0 ? now.length : at;
}

/** The jobs of the last round. */
const jobs = (run: Conversation): Jobs | undefined => run.items.findLast((item): item is Jobs => item.kind === "jobs");

/** What can go up of a job's reply, as it goes up: on one line. */
function words({ quote, output }: JobResult): string[] {
  return [output.answer, quote].flatMap((text) => (text ? [text.split(/\s+/).join(" ").trim()] : []));
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

/** The part of a supervisor's JSON reply that a reader wants. The engine has its own, forgiving reader; this is display. */
function readable(content: string): Pick<Turn, "text"> & { reasoning?: string } {
  try {
    const reply: unknown = JSON.parse(content);
    if (reply && typeof reply === "object") {
      const { reasoning, message, decision, feedback, tasks } = reply as Record<string, unknown>;
      const said = [message, feedback].find((text) => typeof text === "string");
      return {
        text:
          decision === "provide_final_answer" ? says.canAnswer : Array.isArray(tasks) ? says.plans : ((said as string) ?? content),
        ...(typeof reasoning === "string" && reasoning.trim() ? { reasoning } : {}),
      };
    }
  } catch {
    // Not JSON, or JSON in prose: shown as it came.
  }
  return { text: content };
}
