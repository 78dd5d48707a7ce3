/** The protocols that the page offers, and how a run of each is started. */
import { Auto, LocalOnly, Minion, Minions, RemoteOnly, type Engine, type Outcome, type Provider, type Run, type RunEvent, type RunRequest } from "minions-web";
import { only, type Settings } from "./settings.js";

export type Protocol = "auto" | "minion" | "minions" | "local_only" | "remote_only";

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
