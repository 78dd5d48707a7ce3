/** Who may supervise: a recording, or a model of any provider that the package knows, and what stands in the way of asking it. */
import { openaiCompatible, provider, providers, recorded, type CloudProvider, type Provider, type ProviderInfo, type ProviderName } from "minions-web";
import recording from "../../crates/minions-providers/recordings/patient-record.json";
import { mayConnect } from "./policy.js";
import { strings } from "./strings.js";

export { recording };

/** A provider by its name in the package, or a server that the user knows the address of. */
export type ServerName = ProviderName | "other";

/** A model behind an address, as the form says. */
export interface ServerChoice {
  kind: "server";
  provider: ServerName;
  baseURL: string;
  model: string;
  key: string;
}

export type SupervisorChoice = { kind: "recorded" } | ServerChoice;

/** A refusal of the page's own, with the field that it is about. */
export interface Refusal {
  text: string;
  field?: string;
}

const says = strings.supervisors;

const name = ({ name }: ProviderInfo) => [name, says.names[name]] as const;

/** What there is to choose from, in groups. */
export const SERVERS: readonly [group: string, servers: readonly (readonly [ServerName, string])[]][] = [
  [says.withAccount, providers.filter(({ needsKey }) => needsKey).map(name)],
  [says.here, providers.filter(({ needsKey }) => !needsKey).map(name)],
  [says.byAddress, [["other", says.names.other]]],
];

/** What is known of a provider; nothing of other servers. */
export const infoOf = (server: ServerName): ProviderInfo | undefined => providers.find(({ name }) => name === server);

/** What is to be known before a page asks this server; empty where it simply answers. */
export function reach(server: ServerName): string {
  const info = infoOf(server);
  switch (info?.answersPages) {
    case "yes":
      return "";
    case "if_set":
      return says.answersIfSet(says.names[server], info.setting ?? "");
    case "no":
      return says.answersNot(says.names[server]);
    case "unknown":
      return says.mayAnswer(says.names[server]);
    case undefined:
      return says.other;
  }
}

/** The supervisor as the package wants it. */
export function toProvider(choice: SupervisorChoice): Provider {
  if (choice.kind === "recorded") return recorded(recording);
  const { provider: server, baseURL, model, key: apiKey } = choice;
  if (server === "other") return openaiCompatible({ baseURL, model, apiKey });
  return provider(server as CloudProvider, { baseURL, model, apiKey });
}

/** What stands in the way of asking a server anything, before it is asked. */
export function refuseServer({ provider: server, baseURL, key }: ServerChoice): Refusal | undefined {
  const { refusals } = strings;
  const placeholder = /\{\w+\}/.exec(baseURL)?.[0];
  if (placeholder) return { text: refusals.placeholder(placeholder), field: "#base-url" };
  const url = URL.canParse(baseURL) ? new URL(baseURL) : undefined;
  if (!url || !/^https?:$/.test(url.protocol)) {
    return { text: refusals.noAddress, field: "#base-url" };
  }
  const isHere = ["127.0.0.1", "localhost"].includes(url.hostname);
  if (url.protocol === "http:" && !isHere) {
    return { text: refusals.notEncrypted, field: "#base-url" };
  }
  if (!mayConnect(url)) return { text: refusals.notListed(url.origin), field: "#base-url" };
  const needsKey = infoOf(server)?.needsKey ?? !isHere;
  if (needsKey && !key) return { text: refusals.noKey, field: "#key" };
  return undefined;
}
