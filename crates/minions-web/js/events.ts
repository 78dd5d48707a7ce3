/**
 * What happens in a run. `minions-protocol` defines it; `tests/package/types/events.ts`, written by a Rust test, proves
 * that these types say the same.
 */
import type { FinishReason, Message, Usage } from "./types.js";

/** The step of the protocol that a supervisor call belongs to. */
export type Stage =
  /** The supervisor learns the task and asks its first question. */
  | "open"
  /** The supervisor learns the worker's reply and goes on or answers. */
  | "decide"
  /** The supervisor learns the last reply and must answer. */
  | "conclude";

/** Something that happened in a run. Rounds count from 1. */
export type MinionEvent =
  /** The question was accepted; no call was made yet. `chars` is the length of all documents. */
  | { type: "run.started"; task: string; chars: number }
  | { type: "round.started"; round: number }
  /** Something leaves the device: everything that the supervisor is sent. Together, these events are the ledger. */
  | { type: "supervisor.request"; round: number; stage: Stage; messages: Message[] }
  /** A piece of the supervisor's reply, raw. */
  | { type: "supervisor.delta"; round: number; stage: Stage; delta: string }
  /** The supervisor replied. */
  | { type: "supervisor.response"; round: number; stage: Stage; content: string; usage: Usage }
  /** The supervisor's reply does not have the form asked for. After the first attempt it is asked again. */
  | { type: "reply.rejected"; round: number; stage: Stage; attempt: number; reason: string }
  /** No reply had the form asked for, and the run goes on with something less. */
  | { type: "reply.degraded"; round: number; stage: Stage; fallback: Fallback }
  /** The worker is asked. This stays on the device. */
  | { type: "worker.request"; round: number; message: string }
  /** A piece of the worker's reply. */
  | { type: "worker.delta"; round: number; delta: string }
  /** The worker replied. */
  | { type: "worker.response"; round: number; content: string; finishReason: FinishReason; usage: Usage }
  /** A round ended; `message` is the next question to the worker. */
  | { type: "round.finished"; round: number; decision: Decision; message?: string }
  /** The run ended. `outcome` is what `run.result` gives. */
  | { type: "run.finished"; outcome: Outcome };

/** What the supervisor decided at the end of a round. */
export type Decision = "provide_final_answer" | "request_additional_info";

/** What stands in for a supervisor's reply that cannot be read. */
export type Fallback =
  /** The worker is asked the supervisor's words as they stand. */
  | "reply_as_message"
  /** The worker is asked the task itself. */
  | "task_as_message"
  /** The supervisor's words as they stand are the answer. */
  | "reply_as_answer"
  /** There is no answer. */
  | "no_answer";

/** What a run ends with. */
export interface Outcome {
  /** The final answer; `null` if the supervisor gave none. */
  answer: string | null;
  /** Why there is no answer. */
  reason?: { code: NoAnswer; message: string };
  /** The answer is the supervisor's last reply as it stands, because that was not the JSON object asked for. */
  isRawReply: boolean;
  /** Rounds begun. */
  rounds: number;
  /** What the run cost, every repeated question included. */
  usage: RunUsage;
  /** Every call of the run. */
  transcript: Transcript;
}

/** The kinds of runs without an answer. */
export type NoAnswer =
  /** The supervisor says that the answer cannot be known. */
  | "unknown"
  /** The supervisor asked for more although no round was left. */
  | "out_of_rounds"
  /** The supervisor's last reply could not be read, even after it was asked again. */
  | "unreadable_reply";

/** What a run cost: `local` is the worker, `remote` the supervisor. */
export interface RunUsage {
  local: Usage;
  remote: Usage;
}

/** Every call of a run, in order. */
export interface Transcript {
  turns: Turn[];
}

/** One call of one model. */
export interface Turn {
  /** Who was asked. */
  speaker: "supervisor" | "worker";
  /** The round, from 1. */
  round: number;
  /** The step of the protocol, for the supervisor. */
  stage?: Stage;
  /** The messages that this call added to the conversation. */
  sent: Message[];
  /** The reply, as the model gave it. */
  reply: string;
  /** Why the reply ended. */
  finishReason: FinishReason;
  /** What the call cost. */
  usage: Usage;
}
