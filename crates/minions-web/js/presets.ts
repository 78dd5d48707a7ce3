/** Written by crates/minions-web/tests/typescript from the presets of minions-providers: edit those. */
import type { ProviderName } from "./providers.js";

/** A provider, or a server on this computer, as {@link provider} knows it. */
export interface ProviderInfo {
  /** What {@link provider} takes. */
  name: ProviderName;
  /** Its address; where every user has one of their own, with placeholders in braces. */
  baseURL: string;
  /** Whether it wants an API key. */
  needsKey: boolean;
  /** Whether {@link Engine.listModels} can ask it for its models. */
  listsModels: boolean;
  /** Whether it answers web pages: always, if it is set to (`setting`), never, or nobody wrote it down. */
  answersPages: "yes" | "if_set" | "no" | "unknown";
  /** What a server on this computer needs to answer web pages. */
  setting?: string;
}

/** All providers and local servers that are known by name. No live one was asked: addresses and rules are as they document them. */
export const providers: readonly ProviderInfo[] = [
  { name: "openai", baseURL: "https://api.openai.com/v1", needsKey: true, listsModels: true, answersPages: "yes" },
  { name: "azure", baseURL: "https://{resource}.openai.azure.com/openai/v1", needsKey: true, listsModels: false, answersPages: "unknown" },
  { name: "anthropic", baseURL: "https://api.anthropic.com/v1", needsKey: true, listsModels: true, answersPages: "yes" },
  { name: "gemini", baseURL: "https://generativelanguage.googleapis.com/v1beta", needsKey: true, listsModels: true, answersPages: "yes" },
  { name: "together", baseURL: "https://api.together.xyz/v1", needsKey: true, listsModels: true, answersPages: "unknown" },
  { name: "deepseek", baseURL: "https://api.deepseek.com/v1", needsKey: true, listsModels: true, answersPages: "unknown" },
  { name: "mistral", baseURL: "https://api.mistral.ai/v1", needsKey: true, listsModels: true, answersPages: "yes" },
  { name: "groq", baseURL: "https://api.groq.com/openai/v1", needsKey: true, listsModels: true, answersPages: "yes" },
  { name: "perplexity", baseURL: "https://api.perplexity.ai", needsKey: true, listsModels: false, answersPages: "no" },
  { name: "xai", baseURL: "https://api.x.ai/v1", needsKey: true, listsModels: true, answersPages: "unknown" },
  { name: "cerebras", baseURL: "https://api.cerebras.ai/v1", needsKey: true, listsModels: true, answersPages: "unknown" },
  { name: "sambanova", baseURL: "https://api.sambanova.ai/v1", needsKey: true, listsModels: true, answersPages: "unknown" },
  { name: "fireworks", baseURL: "https://api.fireworks.ai/inference/v1", needsKey: true, listsModels: true, answersPages: "unknown" },
  { name: "cohere", baseURL: "https://api.cohere.ai/compatibility/v1", needsKey: true, listsModels: false, answersPages: "unknown" },
  { name: "qwen", baseURL: "https://dashscope-intl.aliyuncs.com/compatible-mode/v1", needsKey: true, listsModels: true, answersPages: "unknown" },
  { name: "moonshot", baseURL: "https://api.moonshot.ai/v1", needsKey: true, listsModels: true, answersPages: "unknown" },
  { name: "ollama-cloud", baseURL: "https://ollama.com", needsKey: true, listsModels: true, answersPages: "unknown" },
  { name: "openrouter", baseURL: "https://openrouter.ai/api/v1", needsKey: true, listsModels: true, answersPages: "yes" },
  { name: "huggingface", baseURL: "https://router.huggingface.co/v1", needsKey: true, listsModels: true, answersPages: "yes" },
  { name: "vercel", baseURL: "https://ai-gateway.vercel.sh/v1", needsKey: true, listsModels: true, answersPages: "unknown" },
  { name: "cloudflare", baseURL: "https://gateway.ai.cloudflare.com/v1/{account}/{gateway}/compat", needsKey: true, listsModels: false, answersPages: "yes" },
  { name: "ollama", baseURL: "http://localhost:11434", needsKey: false, listsModels: true, answersPages: "if_set", setting: "the page's address in its variable OLLAMA_ORIGINS" },
  { name: "lmstudio", baseURL: "http://localhost:1234/v1", needsKey: false, listsModels: true, answersPages: "if_set", setting: "\"Enable CORS\" in its server settings (lms server start --cors)" },
  { name: "llamacpp", baseURL: "http://localhost:8080/v1", needsKey: false, listsModels: true, answersPages: "yes" },
  { name: "vllm", baseURL: "http://localhost:8000/v1", needsKey: false, listsModels: true, answersPages: "yes" },
  { name: "tokasaurus", baseURL: "http://localhost:10210/v1", needsKey: false, listsModels: true, answersPages: "unknown" },
  { name: "lemonade", baseURL: "http://localhost:8000/api/v1", needsKey: false, listsModels: true, answersPages: "unknown" },
];
