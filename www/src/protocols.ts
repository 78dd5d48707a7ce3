/** The protocols as the page offers them: by name, with what is to be known before choosing. */
import { Auto, LocalOnly, Minion, Minions, RemoteOnly, type Engine, type Outcome, type Provider, type Run, type RunEvent, type RunRequest } from "minions-web";
import { only, type Settings } from "./settings.js";

export type Protocol = "auto" | "minion" | "minions" | "local_only" | "remote_only";

export const PROTOCOLS: Record<Protocol, { name: string; sentence: string }> = {
  auto: {
    name: "Automatic",
    sentence: "Estimates what each way would cost, picks one that keeps the document here, and says why.",
  },
  minion: {
    name: "Minion: a conversation",
    sentence: "The supervisor asks the worker one question after another. The document must fit into the worker’s context.",
  },
  minions: {
    name: "MinionS: many jobs at once",
    sentence: "The supervisor plans, the worker reads every piece of a long document, and checked quotes go up.",
  },
  local_only: {
    name: "Local only",
    sentence: "No supervisor and nothing is sent; the worker’s own answer is as good as the worker.",
  },
  remote_only: {
    name: "Remote only",
    sentence: "Sends the whole document to the supervisor: for comparison, and for texts that are not private.",
  },
};

/** A protocol's name without what it is like. */
export const shortName = (protocol: Protocol): string => PROTOCOLS[protocol].name.split(":")[0] ?? protocol;

/** What `Auto` is told: the settings of every protocol that it may choose. */
export function autoOptions(settings: Settings, maxRounds?: number) {
  const minion = { ...only(settings, "minion"), ...(maxRounds && { maxRounds }) };
  const minions = { ...only(settings, "minions"), ...(maxRounds && { maxRounds }) };
  return { ...only(settings, "auto"), minion, minions, localOnly: only(settings, "local_only") };
}

/** Starts a run of a protocol. */
export function start(
  protocol: Protocol,
  worker: Engine,
  supervisor: () => Provider,
  maxRounds: number,
  settings: Settings,
  request: RunRequest,
): Run<RunEvent, Outcome> {
  const { minion, minions, localOnly, ...auto } = autoOptions(settings, maxRounds);
  switch (protocol) {
    case "auto":
      return new Auto({ worker, supervisor: supervisor(), ...auto, minion, minions, localOnly }).run(request);
    case "minion":
      return new Minion({ worker, supervisor: supervisor(), ...minion }).run(request);
    case "minions":
      return new Minions({ worker, supervisor: supervisor(), ...minions }).run(request);
    case "local_only":
      return new LocalOnly({ worker, ...localOnly }).run(request);
    case "remote_only":
      return new RemoteOnly({ worker, supervisor: supervisor() }).run(request);
  }
}
