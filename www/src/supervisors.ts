/** Who may supervise: a recording, or a model of any provider that the package knows, and what stands in the way of asking it. */
import { openaiCompatible, provider, providers, recorded, type CloudProvider, type Provider, type ProviderInfo, type ProviderName } from "minions-web";
import recording from "../../crates/minions-providers/recordings/patient-record.json";
import { mayConnect, notListed } from "./policy.js";

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

const NAMES: Record<ServerName, string> = {
  openai: "OpenAI",
  azure: "Azure OpenAI",
  anthropic: "Anthropic",
  gemini: "Google Gemini",
  together: "Together AI",
  deepseek: "DeepSeek",
  mistral: "Mistral",
  groq: "Groq",
  perplexity: "Perplexity",
  xai: "xAI",
  cerebras: "Cerebras",
  sambanova: "SambaNova",
  fireworks: "Fireworks",
  cohere: "Cohere",
  qwen: "Qwen (Alibaba Cloud)",
  moonshot: "Moonshot",
  "ollama-cloud": "Ollama’s cloud",
  openrouter: "OpenRouter",
  huggingface: "Hugging Face",
  vercel: "Vercel AI Gateway",
  cloudflare: "Cloudflare AI Gateway",
  ollama: "Ollama",
  lmstudio: "LM Studio",
  llamacpp: "llama.cpp’s server",
  vllm: "vLLM",
  tokasaurus: "tokasaurus",
  lemonade: "Lemonade",
  other: "Another server",
};

const name = ({ name }: ProviderInfo) => [name, NAMES[name]] as const;

/** What there is to choose from, in groups. */
export const SERVERS: readonly [group: string, servers: readonly (readonly [ServerName, string])[]][] = [
  ["With an account", providers.filter(({ needsKey }) => needsKey).map(name)],
  ["On this computer", providers.filter(({ needsKey }) => !needsKey).map(name)],
  ["By its address", [["other", NAMES.other]]],
];

/** What is known of a provider; nothing of other servers. */
export const infoOf = (server: ServerName): ProviderInfo | undefined => providers.find(({ name }) => name === server);

/** What is to be known before a page asks this server; empty where it simply answers. */
export function reach(server: ServerName): string {
  const info = infoOf(server);
  const proxy = "write the address of a proxy of yours";
  switch (info?.answersPages) {
    case "yes":
      return "";
    case "if_set":
      return `To answer web pages, ${NAMES[server]} needs ${info.setting}.`;
    case "no":
      return `${NAMES[server]} answers no web pages: ${proxy}.`;
    case "unknown":
      return `Whether ${NAMES[server]} answers web pages is not known. If it does not, ${proxy}.`;
    case undefined:
      return "Any server that speaks OpenAI’s chat completions and answers web pages (CORS).";
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
  const placeholder = /\{\w+\}/.exec(baseURL)?.[0];
  if (placeholder) return { text: `Write yours in place of ${placeholder} in the base URL.`, field: "#base-url" };
  const url = URL.canParse(baseURL) ? new URL(baseURL) : undefined;
  if (!url || !/^https?:$/.test(url.protocol)) {
    return { text: "The base URL is not an address such as https://api.openai.com/v1.", field: "#base-url" };
  }
  const isHere = ["127.0.0.1", "localhost"].includes(url.hostname);
  if (url.protocol === "http:" && !isHere) {
    return { text: "The base URL must begin with https:. Only servers on this computer may be asked over http:.", field: "#base-url" };
  }
  if (!mayConnect(url)) return { text: notListed(url), field: "#base-url" };
  const needsKey = infoOf(server)?.needsKey ?? !isHere;
  if (needsKey && !key) return { text: "There is no API key. Enter yours, or choose the recorded supervisor.", field: "#key" };
  return undefined;
}
