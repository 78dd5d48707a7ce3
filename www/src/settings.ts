/** What can be set of a run and of loading a model, beside the form; and settings as the part of an address after `#`. */
import type { AutoOptions, LoadOptions, LocalOnlyOptions, MinionOptions, MinionsOptions, RunRequest } from "minions-web";
import type { Protocol } from "./protocols.js";
import { strings } from "./strings.js";

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
  | { kind: "choice"; choices: Readonly<Record<string, string>>; unset: string }
);

const { knobs } = strings.settings;

export const KNOBS: readonly Knob[] = [
  { key: "costSensitivity", ...knobs.costSensitivity, of: ["auto"], kind: "choice" },
  { key: "documentsMayLeave", ...knobs.documentsMayLeave, of: ["auto"], isByHandOnly: true, kind: "switch" },
  {
    key: "workerMaxTokens",
    ...knobs.workerMaxTokens,
    of: ["minion", "minions", "local_only"],
    kind: "number",
    min: 16,
    max: 4096,
  },
  { key: "samples", ...knobs.samples, of: ["minion"], kind: "number", min: 1, max: 8 },
  { key: "tasksPerRound", ...knobs.tasksPerRound, of: ["minions"], kind: "number", min: 1, max: 64 },
  { key: "samplesPerTask", ...knobs.samplesPerTask, of: ["minions"], kind: "number", min: 1, max: 16 },
  { key: "maxJobsPerRound", ...knobs.maxJobsPerRound, of: ["minions"], kind: "number", min: 1, max: 100_000 },
  { key: "maxJobs", ...knobs.maxJobs, of: ["local_only"], kind: "number", min: 1, max: 100_000 },
  { key: "maxChunkSize", ...knobs.maxChunkSize, of: ["minions", "local_only"], kind: "number", min: 100, max: 1_000_000 },
  { key: "maxConcurrency", ...knobs.maxConcurrency, of: ["minions", "local_only"], kind: "number", min: 1, max: 256 },
  { key: "maxEvidenceChars", ...knobs.maxEvidenceChars, of: ["minions"], kind: "number", min: 100, max: 1_000_000 },
  { key: "seed", ...knobs.seed, of: ["run"], kind: "number", min: 0, max: 1_000_000 },
  { key: "keepUnsupported", ...knobs.keepUnsupported, of: ["minions"], kind: "switch" },
  { key: "verbatimCitations", ...knobs.verbatimCitations, of: ["minions", "local_only"], kind: "switch" },
  { key: "twoStepSynthesis", ...knobs.twoStepSynthesis, of: ["minions"], kind: "switch" },
  { key: "contextLength", ...knobs.contextLength, of: ["load"], kind: "number", min: 256, max: 1_000_000 },
  { key: "cacheTokens", ...knobs.cacheTokens, of: ["load"], kind: "number", min: 256, max: 10_000_000 },
  { key: "kvCache", ...knobs.kvCache, of: ["load"], kind: "choice" },
  { key: "quantize", ...knobs.quantize, of: ["load"], kind: "choice" },
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
      return Object.hasOwn(knob.choices, text) ? text : undefined;
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
