/** Written by crates/minions-web/tests/typescript from the types of minions-protocol: edit those. */

/** Something that happened in a run. Fields are camelCase in JSON, except OpenAI's own names within `usage`. */
export type RunEvent =
  /** The question was accepted; no call was made yet. */
  | {
      type: "run.started";
      /** The user's question. */
      task: string;
      /** The length of all documents in characters. */
      chars: number;
    }
  /** A protocol was chosen by what each would cost; no call was made yet. */
  | {
      type: "protocol.chosen";
      /** The choice. */
      protocol: ProtocolName;
      /** Why, in a sentence. */
      reason: string;
      /** What each would cost. */
      forecasts: Forecast[];
    }
  /** What is hidden from the supervisor; no call was made yet. */
  | {
      type: "privacy.applied";
      /** The placeholders in use, without what they stand for. */
      hidden: Hidden[];
    }
  /** A round begins. */
  | {
      type: "round.started";
      /** The round, from 1. */
      round: number;
    }
  /**
   * Something leaves the device: the complete conversation that the supervisor is sent. Together, these events are
   * the ledger.
   */
  | {
      type: "supervisor.request";
      /** The round, from 1. */
      round: number;
      /** The step of the protocol. */
      stage: Stage;
      /** Everything that is sent. */
      messages: Message[];
    }
  /** A piece of the supervisor's reply. */
  | {
      type: "supervisor.delta";
      /** The round, from 1. */
      round: number;
      /** The step of the protocol. */
      stage: Stage;
      /** The new piece, raw. */
      delta: string;
    }
  /** The supervisor replied. */
  | {
      type: "supervisor.response";
      /** The round, from 1. */
      round: number;
      /** The step of the protocol. */
      stage: Stage;
      /** The whole reply, raw. */
      content: string;
      /** What the call cost. */
      usage: Usage;
    }
  /** The supervisor's reply does not have the form asked for. After the first attempt it is asked again. */
  | {
      type: "reply.rejected";
      /** The round, from 1. */
      round: number;
      /** The step of the protocol. */
      stage: Stage;
      /** The attempt that failed, from 1. */
      attempt: number;
      /** What is wrong with the reply. */
      reason: string;
    }
  /** No reply had the form asked for, and the run goes on with something less. */
  | {
      type: "reply.degraded";
      /** The round, from 1. */
      round: number;
      /** The step of the protocol. */
      stage: Stage;
      /** What is used instead. */
      fallback: Fallback;
    }
  /** The worker is asked. This stays on the device. */
  | {
      type: "worker.request";
      /** The round, from 1. */
      round: number;
      /** The question. */
      message: string;
    }
  /** A piece of the worker's reply. */
  | {
      type: "worker.delta";
      /** The round, from 1. */
      round: number;
      /** The new piece. */
      delta: string;
    }
  /** The worker replied. */
  | {
      type: "worker.response";
      /** The round, from 1. */
      round: number;
      /** The whole reply. */
      content: string;
      /** Why the reply ended. */
      finishReason: FinishReason;
      /** What the call cost. */
      usage: Usage;
    }
  /** MinionS: the plan of the round. */
  | {
      type: "plan.adopted";
      /** The round, from 1. */
      round: number;
      /** The plan. */
      plan: Plan;
      /** It is ours, because the supervisor's could not be used. */
      isFallback: boolean;
    }
  /** The jobs of the round; they start now. This stays on the device. */
  | {
      type: "jobs.created";
      /** The round, from 1. */
      round: number;
      /** The jobs. */
      jobs: JobManifest[];
    }
  /** A job ended. Jobs end in any order. */
  | {
      type: "job.finished";
      /** The round, from 1. */
      round: number;
      /** What came of it. */
      result: JobResult;
    }
  /** All jobs of the round ended, and it is clear which answers count. */
  | {
      type: "jobs.filtered";
      /** The round, from 1. */
      round: number;
      /** What became of them. */
      counts: JobCounts;
    }
  /** A call was answered: its place in the transcript. Those of a run that was broken off let another go on from there. */
  | {
      type: "call.answered";
      /** The call. */
      turn: Turn;
    }
  /** A call was paid for. */
  | {
      type: "usage.updated";
      /** What the run cost so far. */
      usage: RunUsage;
      /** The same in money, where the price is known. */
      cost?: Cost;
    }
  /** A round ended. */
  | {
      type: "round.finished";
      /** The round, from 1. */
      round: number;
      /** What the supervisor decided. */
      decision: Decision;
      /** The next question to the worker, or what is still missing. */
      message?: string;
    }
  /** The run ended with an outcome. */
  | {
      type: "run.finished";
      /** The outcome, the same that the run returns. */
      outcome: Outcome;
    }
  /** The run ended because a model did not answer. */
  | {
      type: "run.failed";
      /** The kind of failure. */
      code: ErrorCode;
      /** What the run had come to until then. */
      outcome: Outcome;
    };

/** The stable name of a kind of failure, the same in Rust and JavaScript. */
export type ErrorCode =
  /** There is no WebGPU here, or no adapter that can run the kernels, and `device: "gpu"` was asked for. */
  | "webgpu_unavailable"
  /** The GPU was reset or taken away. Load the model again. */
  | "device_lost"
  /** The model or its cache does not fit on the device. */
  | "out_of_memory"
  /** The model's name leads nowhere, or its architecture or encoding is not supported. */
  | "unknown_model"
  /** A file of the model could not be fetched or read. */
  | "download_failed"
  /** A file of the model does not have the digest that it should have: it was damaged or exchanged on its way. */
  | "integrity_failed"
  /** A file of the model is not what it should be. */
  | "invalid_model"
  /** Prompt and reply do not fit in the model's context. */
  | "context_overflow"
  /** The call asks for something impossible. */
  | "invalid_request"
  /** Another run is using the worker. */
  | "busy"
  /** The provider did not accept the API key, or the model's host the access token. */
  | "auth_failed"
  /** The provider or the model's host asks to wait, or the quota is used up. */
  | "rate_limited"
  /** The provider answered with another error. */
  | "provider_error"
  /** No answer came: no connection, or the browser blocked the request (CORS). */
  | "network_error"
  /** No answer came in time. */
  | "timeout"
  /** The provider answered with something that is not a chat completion. */
  | "bad_reply"
  /** A fault of minions-web. Please report it. */
  | "internal";

/** The protocols between which a choice is made. */
export type ProtocolName =
  /** `Minion`. */
  | "minion"
  /** `Minions`. */
  | "minions"
  /** `LocalOnly`. */
  | "local_only"
  /** `RemoteOnly`. */
  | "remote_only";

/** What a protocol is expected to cost. */
export interface Forecast {
  /** The protocol. */
  protocol: ProtocolName;
  /** The supervisor's tokens: an estimate. */
  remote: Usage;
  /** How often the supervisor is asked. */
  remoteCalls: number;
  /** The worker's tokens; `cached_tokens` are those that it need not read again. */
  local: Usage;
  /** How often the worker is asked, in MinionS and local only many times at once. */
  localCalls: number;
  /** Whether whole documents leave the device. */
  documentsLeave: boolean;
  /** The same in money, where the price is known. */
  cost?: number;
}

/** A placeholder in use. */
export interface Hidden {
  /** What the supervisor sees. */
  placeholder: string;
  /** What kind of text it stands for. */
  kind: PrivateKind;
}

/** The step of the protocol that a supervisor call belongs to. */
export type Stage =
  /** Minion: the supervisor learns the task and asks its first question. */
  | "open"
  /** Minion: the supervisor learns the worker's reply and goes on or answers. */
  | "decide"
  /** Minion: the supervisor learns the last reply and must answer. */
  | "conclude"
  /** MinionS: the supervisor says what is worth looking for. */
  | "advise"
  /** MinionS: the supervisor plans the jobs. */
  | "decompose"
  /** MinionS in the two-step form: the supervisor thinks about the evidence. */
  | "think"
  /** MinionS: the supervisor learns the evidence and answers or looks further. */
  | "synthesize"
  /** Remote only: the supervisor reads the documents itself. */
  | "answer"
  /** The supervisor summarises earlier questions and answers. */
  | "summarize";

/** One turn of a conversation. */
export interface Message {
  /** Who speaks. */
  role: Role;
  /** What is said. */
  content: string;
}

/** Tokens of one call, or of several added up. Names are OpenAI's. */
export interface Usage {
  /** Tokens of the conversation sent. */
  prompt_tokens: number;
  /** Tokens of the reply, reasoning included. */
  completion_tokens: number;
  /** The part of `prompt_tokens` that the model had already read. */
  cached_tokens: number;
  /** The part of `completion_tokens` spent on hidden reasoning. */
  reasoning_tokens: number;
  /** Whether any of this is estimated, because a provider did not tell it. */
  estimated?: boolean;
}

/** What stands in for a reply that cannot be read. */
export type Fallback =
  /** The worker is asked the supervisor's words as they stand. */
  | "reply_as_message"
  /** The worker is asked the task itself. */
  | "task_as_message"
  /** The supervisor's words as they stand are the answer. */
  | "reply_as_answer"
  /** There is no answer. */
  | "no_answer"
  /** Every section of the documents is asked the task itself. */
  | "default_plan";

/**
 * Why a reply ended. A reply that was cancelled has no reason, because there is no reply: cancelling is dropping, and
 * shells report it in their own way (JavaScript: the call rejects with the signal's `AbortError`).
 */
export type FinishReason =
  /** The model ended its turn, or a stop text was reached. */
  | "stop"
  /** The token limit cut the reply short. */
  | "length"
  /** The provider's content filter cut the reply short. */
  | "content_filter";

/** The jobs of one round, as the supervisor declares them: every task is put to every chunk, `samples` times. */
export interface Plan {
  /** How the texts are cut. */
  chunking: PlanChunking;
  /** Which texts are cut. */
  source: Source;
  /** Which documents, counted from 1; all if empty. */
  documents: number[];
  /** Which of the chunks are read; all if it says nothing. */
  select: Select;
  /** What is asked of each chunk. */
  tasks: PlanTask[];
  /** How often each task is put to each chunk; 0 leaves it to the options. */
  samples: number;
  /** Which answers count. */
  filter: Filter;
  /** How the answers are put together. */
  aggregate: Aggregate;
}

/** One task put to one chunk. Numbers count from 1 and go on from round to round. */
export interface JobManifest {
  /** The job. */
  jobId: number;
  /** The task; the same words have the same number. */
  taskId: number;
  /** The chunk; the same piece of text has the same number. */
  chunkId: number;
  /** Where the chunk stands in the document, in bytes of its UTF-8. */
  range: { start: number; end: number };
  /** Which of the repetitions of this task and chunk it is. */
  sample: number;
  /** What is asked. */
  task: string;
  /** The form of the answer. */
  answerType: AnswerType;
  /** The document, unless the chunk is made of earlier answers. */
  document?: number;
  /** What to look for, and where. */
  advice?: string;
}

/** What became of a job. */
export interface JobResult {
  /** The job. */
  jobId: number;
  /** How it ended. */
  status: JobStatus;
  /** What the worker replied. */
  output: JobOutput;
  /** How often the worker was asked. */
  attempts: number;
  /** What all attempts cost. */
  usage: Usage;
  /** The citation as it stands in the chunk, if it does. */
  quote?: string;
  /** Why there is no reply. */
  error?: string;
}

/** What became of the jobs of a round. */
export interface JobCounts {
  /** Answers that count. */
  kept: number;
  /** Answers that the plan's filter left out. */
  filtered: number;
  /** Answers whose citation does not stand in the chunk. */
  unsupported: number;
  /** Chunks that do not say. */
  absent: number;
  /** Replies that were cut off. */
  truncated: number;
  /** Replies that are not the JSON asked for. */
  unreadable: number;
  /** Jobs that the worker could not be asked. */
  failed: number;
}

/** One call of one model. */
export interface Turn {
  /** Who was asked. */
  speaker: Speaker;
  /** The round, from 1. */
  round: number;
  /** The messages that this call added to the conversation; none for a job, which its chunk and task say all about. */
  sent: Message[];
  /** The reply, as the model gave it. */
  reply: string;
  /** Why the reply ended. */
  finishReason: FinishReason;
  /** What the call cost. */
  usage: Usage;
  /** The step of the protocol, for the supervisor. */
  stage?: Stage;
  /** The job, for a worker that was put one. */
  job?: number;
}

/** What a run cost, apart for each model. */
export interface RunUsage {
  /** The worker's tokens. */
  local: Usage;
  /** The supervisor's tokens. */
  remote: Usage;
}

/** What a run cost in money: the supervisor's tokens, in the currency of its price. */
export interface Cost {
  /** What was spent. */
  spent: number;
  /** What it would have cost to send the documents to the supervisor: an estimate. */
  remoteOnly: number;
}

/** What the supervisor decided at the end of a round. */
export type Decision =
  /** The run ends. */
  | "provide_final_answer"
  /** The worker is asked again, or would be if a round were left. */
  | "request_additional_info";

/** What a run ends with. */
export interface Outcome {
  /** The final answer; `null` if the supervisor gave none. */
  answer: string | null;
  /** The answer is the supervisor's last reply as it stands, because that was not the JSON object asked for. */
  isRawReply: boolean;
  /** Rounds begun. */
  rounds: number;
  /** What the run cost, every repeated question included. */
  usage: RunUsage;
  /** The same, apart for each step of each round. */
  stages: StageUsage[];
  /** What it would have cost to send the documents to the supervisor: an estimate. */
  remoteOnly: Usage;
  /** What the answer rests on: MinionS' checked citations. */
  evidence: Evidence[];
  /** For the next question about the same documents. */
  history: History;
  /** Every call of the run. */
  transcript: Transcript;
  /** Why there is no answer. */
  reason?: Reason;
  /** What the run cost in money, where the price is known. */
  cost?: Cost;
}

/** What a private string is. */
export type PrivateKind =
  /** The name of a person. */
  | "person"
  /** The name of a company, a hospital, a school. */
  | "organization"
  /** A street with a house number. */
  | "address"
  /** An e-mail address. */
  | "email"
  /** A telephone or fax number. */
  | "phone"
  /** A US social security number. */
  | "ssn"
  /** A payment card number with a valid check digit. */
  | "credit_card"
  /** A bank account number (IBAN) with valid check digits. */
  | "bank_account"
  /** A number that its label calls an identifier, such as "MRN 123456". */
  | "id"
  /** An IPv4 or IPv6 address. */
  | "ip_address"
  /** A day, or a month of a year. */
  | "date"
  /** A web address. */
  | "url"
  /** A postal code: US with its state or with four more digits, British, Canadian. */
  | "zip_code"
  /** A text that the user listed. */
  | "listed";

/** Who speaks. */
export type Role =
  /** Instructions, and for a worker the document. */
  | "system"
  /** The one who asks. */
  | "user"
  /** The one who answers. */
  | "assistant";

/** How the texts are cut. */
export interface PlanChunking {
  /** Where the cuts are. */
  by: ChunkBy;
  /** The most characters of a chunk. */
  size: number | null;
  /** What neighbours share: characters of sections, else sentences. */
  overlap: number | null;
}

/** Which texts are cut. */
export type Source =
  /** The documents. */
  | "context"
  /** The chunks of the last round that answered. */
  | "previous_hits"
  /** The answers of the last round, as a text. */
  | "previous_answers";

/**
 * Which chunks are kept: those that match the pattern and of these the ones that hold the keywords. With nothing set,
 * all are.
 */
export interface Select {
  /** Keep the chunks that hold any of these words. */
  keywords: Keyword[];
  /** Keep the chunks that match this regular expression. */
  regex?: string;
  /**
   * Of the chunks that hold a keyword, keep only so many: those that speak of the keywords most. Without keywords
   * there is nothing to rank by, and all are kept.
   */
  top_k?: number;
}

/** One question to every chunk. */
export interface PlanTask {
  /** The question. */
  task: string;
  /** The form of the answer. */
  answer_type: AnswerType;
  /** What to look for, and where. */
  advice?: string;
}

/** Which answers count, beside having one and a citation that stands in the chunk. */
export interface Filter {
  /** A regular expression that the answer must match. */
  must_match: string | null;
}

/** How the answers are put together. */
export interface Aggregate {
  /** What becomes of equal answers. */
  mode: AggregateMode;
  /** The most characters of the evidence. */
  max_chars: number | null;
}

/** The form of an answer. */
export type AnswerType =
  /** Words. */
  | "text"
  /** A number, with its unit if it has one. */
  | "number"
  /** A date. */
  | "date"
  /** Several answers. */
  | "list";

/** How a job ended. */
export type JobStatus =
  /** It answers, and its citation stands in the chunk. */
  | "supported"
  /** It answers, and nothing in the chunk bears it out. */
  | "unsupported"
  /** The chunk does not say. */
  | "absent"
  /** The reply was cut off at its token limit, twice. */
  | "truncated"
  /** The reply is not the JSON asked for. */
  | "unreadable"
  /** The worker could not be asked, for a reason that concerns this job alone. */
  | "failed";

/** What the worker replies. */
export interface JobOutput {
  /** Why. */
  explanation: string | null;
  /** The words of the chunk that answer. */
  citation: string | null;
  /** The answer; `null` if the chunk does not say. */
  answer: string | null;
}

/** Which of the two models speaks. */
export type Speaker =
  /** The large model that reasons. */
  | "supervisor"
  /** The small model that reads the document. */
  | "worker";

/** What one step of one round cost. */
export interface StageUsage {
  /** The round, from 1; 0 before the first. */
  round: number;
  /** Whose tokens. */
  speaker: Speaker;
  /** How many calls, every repeated one included. */
  calls: number;
  /** Their tokens. */
  usage: Usage;
  /** The step of the protocol, for the supervisor. */
  stage?: Stage;
}

/** An answer that went up, with its ground. */
export interface Evidence {
  /** The number by which the supervisor refers to it: that of the (first) job that gave it. */
  id: number;
  /** The task that it answers. */
  taskId: number;
  /** The chunk where it stands. */
  chunkId: number;
  /** Where the chunk stands in the document, in bytes of its UTF-8. */
  range: { start: number; end: number };
  /** The answer. */
  answer: string;
  /** How many jobs gave this answer. */
  votes: number;
  /** Whether the supervisor named it as a ground of its answer. */
  isCited: boolean;
  /** The document where it stands, from 1; absent if it was drawn from earlier answers. */
  document?: number;
  /** The words of the document that bear it out; absent if there are none. */
  quote?: string;
}

/** Earlier questions about the same documents. Start with the default; an outcome holds the one for the next question. */
export interface History {
  /** The latest exchanges, oldest first. */
  exchanges: Exchange[];
  /** What the oldest exchanges came to. */
  summary?: string;
}

/**
 * Every call of a run, in order.
 *
 * Conversations only grow, save that MinionS plans each round from the first two messages and concludes in a new one.
 * With Minion, the worker's first call has the documents as it was sent them; of a job there is its chunk's range alone. So the
 * transcript together with the question is enough to replay the run.
 */
export interface Transcript {
  /** The calls. */
  turns: Turn[];
  /** MinionS: the jobs of all rounds. */
  jobs?: JobManifest[];
  /** MinionS: what came of them. */
  results?: JobResult[];
}

/** Why there is no answer. */
export interface Reason {
  /** The kind. */
  code: NoAnswer;
  /** A sentence for the user. */
  message: string;
}

/** Where a document is cut. */
export type ChunkBy =
  /** Anywhere: windows of a fixed size. */
  | "section"
  /**
   * At form feeds, and at lines that hold nothing but a page's number. These marks belong to no chunk. A line with
   * a bare number is such a mark: a table with one number a line falls apart, and loses its numbers.
   */
  | "page"
  /** At blank lines. A paragraph that is too long is cut between its sentences. */
  | "paragraph"
  /** Between sentences, as Unicode defines them. */
  | "sentence"
  /** Before the definitions of a program. A text without any is cut like a section. */
  | "code"
  /** Nowhere. */
  | "none";

/** A word to look for, with or without a weight. A keyword of several words is held by a chunk that holds them all. */
export type Keyword =
  /** A word of weight 1. */
  | string
  /** A word of another weight. */
  | {
      /** The word. */
      word: string;
      /** How much it counts when chunks are ranked, beside the others' 1. At 0 and below it is not looked for. */
      weight: number;
    };

/** What becomes of equal answers. */
export type AggregateMode =
  /** Samples that agree about a chunk are one. */
  | "by_task_and_chunk"
  /** Equal answers to a task are one, wherever they stand. */
  | "dedupe"
  /** Of the answers to a task, the most frequent. */
  | "majority"
  /** Every answer, without citations. */
  | "concat";

/** A question and its answer. */
export interface Exchange {
  /** What the user wanted to know. */
  task: string;
  /** What came of it. */
  answer: string;
}

/** The kinds of runs without an answer. */
export type NoAnswer =
  /** The supervisor says that the answer cannot be known. */
  | "unknown"
  /** The supervisor asked for more although no round was left. */
  | "out_of_rounds"
  /** The supervisor's last reply could not be read, even after it was asked again. */
  | "unreadable_reply"
  /** No chunk of the documents says anything about it. */
  | "nothing_found"
  /** A model did not answer. */
  | "failed";
