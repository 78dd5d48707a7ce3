/** What can be set of a run and of loading a model, beside the form; and settings as the part of an address after `#`. */
import type { AutoOptions, LoadOptions, LocalOnlyOptions, MinionOptions, MinionsOptions, RunRequest } from "minions-web";
import type { Protocol } from "./protocols.js";

/** Only what differs from how it is unless set. */
export interface Settings
  extends
    Pick<MinionOptions, "samples">,
    Omit<MinionsOptions, "maxRounds">,
    Pick<LocalOnlyOptions, "maxJobs">,
    Pick<AutoOptions, "costSensitivity" | "documentsMayLeave">,
    Pick<RunRequest, "seed">,
    Pick<LoadOptions, "contextLength" | "cacheTokens" | "kvCache" | "quantize"> {}

export type Key = keyof Settings;
type Value = number | boolean | string;

/** Something that can be set. */
export type Knob = {
  key: Key;
  label: string;
  hint: string;
  /** The protocols that it is for; or `load`, for what is set when a model is loaded, or `run`, for every run. */
  of: readonly (Exclude<Protocol, "remote_only"> | "load" | "run")[];
  /** Not to be taken from an address, which anyone may have written. */
  isByHandOnly?: boolean;
} & (
  | { kind: "number"; min: number; max: number; unset: string }
  | { kind: "switch" }
  | { kind: "choice"; choices: readonly (readonly [value: string, name: string])[]; unset: string }
);

export const KNOBS: readonly Knob[] = [
  {
    key: "costSensitivity",
    label: "How much the supervisor’s cost matters",
    hint: "What “Automatic” goes by when it picks a protocol.",
    of: ["auto"],
    kind: "choice",
    unset: "Medium: the cheapest way of full quality",
    choices: [
      ["low", "Low: quality first"],
      ["high", "High: few supervisor tokens"],
      ["max", "Most: no supervisor at all"],
    ],
  },
  {
    key: "documentsMayLeave",
    label: "The documents may be sent",
    hint: "Then “Automatic” may pick remote only, which sends them whole.",
    of: ["auto"],
    isByHandOnly: true,
    kind: "switch",
  },
  {
    key: "workerMaxTokens",
    label: "Longest reply, in tokens",
    hint: "The worker’s: it is asked for facts, not for essays. In MinionS a reply that is cut off is asked for again with twice as many.",
    of: ["minion", "minions", "local_only"],
    kind: "number",
    min: 16,
    max: 4096,
    unset: "256",
  },
  {
    key: "samples",
    label: "Attempts at each question",
    hint: "The supervisor sees all of the worker’s attempts and judges them.",
    of: ["minion"],
    kind: "number",
    min: 1,
    max: 8,
    unset: "1",
  },
  {
    key: "tasksPerRound",
    label: "Most tasks of a plan",
    hint: "Every task is put to every piece. The paper finds more than 16 harmful.",
    of: ["minions"],
    kind: "number",
    min: 1,
    max: 64,
    unset: "3",
  },
  {
    key: "samplesPerTask",
    label: "Attempts at each job",
    hint: "How often a task is put to the same piece, where the plan does not say.",
    of: ["minions"],
    kind: "number",
    min: 1,
    max: 16,
    unset: "1",
  },
  {
    key: "maxJobsPerRound",
    label: "Most jobs of a round",
    hint: "Pieces times tasks times attempts; a plan that needs more is refused.",
    of: ["minions"],
    kind: "number",
    min: 1,
    max: 100_000,
    unset: "2,048",
  },
  {
    key: "maxJobs",
    label: "Most pieces that are read",
    hint: "Of a longer document those that share words with the question.",
    of: ["local_only"],
    kind: "number",
    min: 1,
    max: 100_000,
    unset: "2,048",
  },
  {
    key: "maxChunkSize",
    label: "Longest piece, in characters",
    hint: "What the worker reads at once; less where the model cannot read so much.",
    of: ["minions", "local_only"],
    kind: "number",
    min: 100,
    max: 1_000_000,
    unset: "32,000; local only 3,000",
  },
  {
    key: "maxConcurrency",
    label: "Jobs at the same time",
    hint: "The included engine works on up to 32 together.",
    of: ["minions", "local_only"],
    kind: "number",
    min: 1,
    max: 256,
    unset: "32",
  },
  {
    key: "maxEvidenceChars",
    label: "Most evidence, in characters",
    hint: "What goes up in a round of all that the worker found.",
    of: ["minions"],
    kind: "number",
    min: 100,
    max: 1_000_000,
    unset: "6,000",
  },
  {
    key: "seed",
    label: "Seed",
    hint: "The same seed makes the worker’s attempts the same again.",
    of: ["run"],
    kind: "number",
    min: 0,
    max: 1_000_000,
    unset: "0",
  },
  {
    key: "keepUnsupported",
    label: "Send up answers without a valid quote, too",
    hint: "More is found, and more of it is wrong.",
    of: ["minions"],
    kind: "switch",
  },
  {
    key: "verbatimCitations",
    label: "Hold the worker to quotes that stand in the text word for word",
    hint: "It cannot write any other.",
    of: ["minions", "local_only"],
    kind: "switch",
  },
  {
    key: "twoStepSynthesis",
    label: "Let the supervisor think in one call and decide in another",
    hint: "As the reference implementation does; it costs a call a round more.",
    of: ["minions"],
    kind: "switch",
  },
  {
    key: "contextLength",
    label: "Context, in tokens",
    hint: "The most that prompt and reply may have together: at most the model’s own limit.",
    of: ["load"],
    kind: "number",
    min: 256,
    max: 1_000_000,
    unset: "4,096, or what fits",
  },
  {
    key: "cacheTokens",
    label: "Room of the cache, in tokens",
    hint: "For all replies that are worked on at a time: at least the context.",
    of: ["load"],
    kind: "number",
    min: 256,
    max: 10_000_000,
    unset: "what fits in 512 MB",
  },
  {
    key: "kvCache",
    label: "Form of the cache",
    hint: "In 8 bits about 3.5 times as many tokens fit, and replies are a little less exact.",
    of: ["load"],
    kind: "choice",
    unset: "32-bit floats",
    choices: [["q8_0", "8 bits"]],
  },
  {
    key: "quantize",
    label: "Weights in 16 or 32 bits become",
    hint: "To take less memory. Weights that the file holds in fewer bits stay as they are.",
    of: ["load"],
    kind: "choice",
    unset: "what they are",
    choices: [
      ["q8_0", "8 bits"],
      ["q4_0", "4 bits"],
    ],
  },
];

/** What a text says about a knob; `undefined` if nothing that is possible. */
export function read(knob: Knob, text: string): Value | undefined {
  switch (knob.kind) {
    case "number": {
      const number = /^\d{1,9}$/.test(text) ? Number(text) : NaN;
      return number >= knob.min && number <= knob.max ? number : undefined;
    }
    case "switch":
      return text === "true" ? true : undefined;
    case "choice":
      return knob.choices.some(([value]) => value === text) ? text : undefined;
  }
}

/** The settings with another value of one; without it, if there is none. */
export function withValue(settings: Settings, key: Key, value: Value | undefined): Settings {
  const { [key]: _, ...others } = settings;
  return value === undefined ? others : { ...others, [key]: value };
}

/** The settings for a protocol, or for all runs, or for loading. */
export function only<Of extends Knob["of"][number]>(settings: Settings, of: Of): Settings {
  const keys = KNOBS.filter((knob) => knob.of.includes(of)).map(({ key }) => key);
  return Object.fromEntries(Object.entries(settings).filter(([key]) => keys.includes(key as Key)));
}

const MARK = "#settings?";

/** The part of an address that brings the settings back. It holds them and nothing else. */
export function toFragment(settings: Settings): string {
  const linked = KNOBS.filter(({ key, isByHandOnly }) => settings[key] !== undefined && !isByHandOnly);
  return linked.length ? MARK + new URLSearchParams(linked.map(({ key }) => [key, String(settings[key])])) : "";
}

/** What an address asks for: only what is known, possible, and not to be set by hand alone. Nothing where it is not about settings. */
export function fromFragment(fragment: string): Settings | undefined {
  if (!fragment.startsWith(MARK)) return undefined;
  const given = new URLSearchParams(fragment.slice(MARK.length));
  return KNOBS.filter(({ isByHandOnly }) => !isByHandOnly).reduce(
    (settings, knob) => withValue(settings, knob.key, read(knob, given.get(knob.key) ?? "")),
    {} as Settings,
  );
}
