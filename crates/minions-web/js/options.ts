/** Written by crates/minions-web/tests/typescript from the types of minions-protocol: edit those. */
import type { PrivateKind } from "./events.js";

/** The Minion protocol and its limits. */
export interface MinionOptions {
  /** The most questions that the supervisor may put to the worker. 3 unless set. */
  maxRounds?: number | undefined;
  /** The most tokens of one worker reply. 256 unless set: the worker is asked for facts, not for essays. */
  workerMaxTokens?: number | undefined;
  /** How many attempts the worker has at each question; the supervisor judges them. 1 unless set. */
  samples?: number | undefined;
}

/** The MinionS protocol and its limits. */
export interface MinionsOptions {
  /** The most rounds. 3 unless set. */
  maxRounds?: number | undefined;
  /** The most tasks that a plan may have. 3 unless set; the paper finds more than 16 harmful. */
  tasksPerRound?: number | undefined;
  /** How often each task is put to each chunk where the plan does not say. 1 unless set. */
  samplesPerTask?: number | undefined;
  /** The most jobs of a round. 2,048 unless set. */
  maxJobsPerRound?: number | undefined;
  /** The most characters of a chunk: what the worker can read at once. 32,000 unless set. */
  maxChunkSize?: number | undefined;
  /** The most tokens of one worker reply; one that is cut off is asked for again with twice as many. 256 unless set. */
  workerMaxTokens?: number | undefined;
  /** How many jobs are put to the worker at the same time. 32 unless set, which is what the included engine works on at a time. */
  maxConcurrency?: number | undefined;
  /** The most characters of evidence that go up in a round. 6,000 unless set. */
  maxEvidenceChars?: number | undefined;
  /** Whether answers go up whose citation does not stand in their chunk. Not unless set. */
  keepUnsupported?: boolean | undefined;
  /**
   * Whether the worker is held to citations that stand in their chunk word for word. The included engine can be; a server
   * as worker is asked in words alone. Not unless set.
   */
  verbatimCitations?: boolean | undefined;
  /** Whether the supervisor thinks in one call and decides in another, as the reference does. Not unless set. */
  twoStepSynthesis?: boolean | undefined;
}

/** A map over the chunks and a reduction of what they say, by the worker alone. */
export interface LocalOnlyOptions {
  /** The most characters of a chunk: what the worker can read at once. 3,000 unless set. */
  maxChunkSize?: number | undefined;
  /** The most chunks that are read; beyond it those that share words with the task. 2,048 unless set. */
  maxJobs?: number | undefined;
  /** The most tokens of one reply. 256 unless set. */
  workerMaxTokens?: number | undefined;
  /** How many chunks are put to the worker at the same time. 32 unless set. */
  maxConcurrency?: number | undefined;
  /** Whether the worker is held to citations that stand in their chunk word for word, as in MinionS. Not unless set. */
  verbatimCitations?: boolean | undefined;
}

/** The choice between the protocols, and their limits. */
export interface AutoOptions {
  /** How much a supervisor token hurts; medium unless set. */
  costSensitivity?: CostSensitivity | undefined;
  /** Whether whole documents may be sent to the supervisor. Not unless set. */
  documentsMayLeave?: boolean | undefined;
  /** The limits, should Minion be chosen. */
  minion?: MinionOptions | undefined;
  /** The limits, should MinionS be chosen; its largest chunk tells what the worker can read at once. */
  minions?: MinionsOptions | undefined;
  /** The limits, should the worker be left alone. */
  localOnly?: LocalOnlyOptions | undefined;
}

/** What to hide. */
export interface Privacy {
  /** Names and other texts that are always hidden, whatever the detectors say. */
  names?: string[] | undefined;
  /** Which detectors are on; all unless set. Listed names need no detector: they are always hidden. */
  kinds?: PrivateKind[] | undefined;
  /** Whether two or more capitalized words in a row are taken for a name; so unless set. Needs the kind `person`. */
  capitalizedNames?: boolean | undefined;
  /** Words that are never hidden. */
  keep?: string[] | undefined;
}

/** How much a supervisor token hurts. */
export type CostSensitivity =
  /** Quality first: the supervisor reads itself where it may, else the worker in detail. */
  | "low"
  /** The cheapest of the ways that reach the supervisor's quality. */
  | "medium"
  /** The fewest supervisor tokens that still bring its reasoning in. */
  | "high"
  /** No supervisor tokens. */
  | "max";
