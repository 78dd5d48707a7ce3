/** Everything the page says about numbers and failures, in one place. */
import { MinionsError, type ErrorCode, type Usage } from "minions-web";

const integer = new Intl.NumberFormat("en");
const oneDigit = new Intl.NumberFormat("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const encoder = new TextEncoder();

export const count = (value: number): string => integer.format(value);

export const plural = (value: number, one: string, many = `${one}s`): string => `${count(value)} ${value === 1 ? one : many}`;

export function bytes(value: number): string {
  if (value < 1000) return plural(value, "byte");
  if (value < 1e6) return `${oneDigit.format(value / 1e3)} kB`;
  if (value < 1e9) return `${oneDigit.format(value / 1e6)} MB`;
  return `${oneDigit.format(value / 1e9)} GB`;
}

export function seconds(milliseconds: number): string {
  return `${oneDigit.format(milliseconds / 1000)} s`;
}

/** All of a call's tokens. */
export const totalTokens = ({ prompt_tokens, completion_tokens }: Usage): number => prompt_tokens + completion_tokens;

/** A length of time that is not known to the second. */
export function duration(seconds: number): string {
  if (seconds < 90) return `about ${plural(Math.max(Math.round(seconds), 1), "second")}`;
  if (seconds < 5400) return `about ${plural(Math.round(seconds / 60), "minute")}`;
  return `about ${plural(Math.round(seconds / 3600), "hour")}`;
}

/** A length of time that is not known to the second, for a table. */
export function brief(seconds: number): string {
  if (seconds < 0.5) return "at once";
  if (seconds < 90) return `${Math.round(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}

/** An amount in the price table's currency; small ones keep two digits that say something. */
export function money(value: number): string {
  const digits = value === 0 || value >= 0.01 ? 2 : Math.min(8, 1 - Math.floor(Math.log10(value)));
  return `$${value.toFixed(digits)}`;
}

/** How many times one amount is another. */
export function times(ratio: number): string {
  return ratio < 1.05 ? "about" : `${ratio < 10 ? oneDigit.format(ratio) : count(Math.round(ratio))} times`;
}

export function parameters(value: number): string {
  return value < 1e9 ? `${oneDigit.format(value / 1e6)} million` : `${oneDigit.format(value / 1e9)} billion`;
}

/** The size of a text as it would be sent. */
export const utf8Length = (text: string): number => encoder.encode(text).length;

/** A rule of thumb for English: four characters to a token. */
export const roughTokens = (text: string): number => Math.ceil(text.length / 4);

/** A failure as the page shows it. */
export interface Failure {
  /** A `MinionsError`'s code, or one of the page's own. */
  code: string;
  title: string;
  /** What happened, in the words of whoever noticed. */
  message: string;
  /** What to do about it. */
  advice: string;
}

const explanations: Record<ErrorCode, { title: string; advice: string }> = {
  webgpu_unavailable: {
    title: "WebGPU is not available",
    advice: "Choose “Automatic” or “CPU” as the device, or open this page in a current Chrome, Edge, Safari or Firefox.",
  },
  device_lost: { title: "The GPU was reset or taken away", advice: "Load the model again. A smaller model helps if this repeats." },
  out_of_memory: { title: "The model does not fit", advice: "Choose a smaller model, or a more strongly quantised file of it." },
  unknown_model: {
    title: "This model cannot be used",
    advice: "Choose a GGUF file of a Llama, Mistral, Qwen, SmolLM, Gemma, Phi or Granite model.",
  },
  download_failed: {
    title: "The model could not be fetched",
    advice: "Check the address. Its server must allow other sites to read the file (CORS).",
  },
  integrity_failed: {
    title: "The file was damaged or exchanged on its way",
    advice: "Load it again. If that repeats, the file at this address is not the one that is expected.",
  },
  invalid_model: { title: "The file is not a usable model", advice: "The file may be damaged or cut short. Download it again." },
  context_overflow: {
    title: "The document is too long for this worker",
    advice: "Choose MinionS, which reads in pieces, shorten the document, or load a worker model with a longer context.",
  },
  invalid_request: { title: "The request is not possible as it stands", advice: "Change what the message names and run again." },
  busy: { title: "A run is already in progress", advice: "Wait for it to end, or stop it." },
  auth_failed: {
    title: "Access was refused",
    advice: "Check that the key or token is complete, still valid, and meant for this server and model.",
  },
  rate_limited: {
    title: "The server asks to slow down",
    advice: "It was asked again and still refused. Wait a while, or check the account’s quota and credit.",
  },
  provider_error: {
    title: "The supervisor answered with an error",
    advice: "Check the base URL and the model’s name. If both are right, the fault is the server’s: try again later.",
  },
  network_error: {
    title: "The supervisor could not be reached",
    advice: "Check the base URL and your connection, then run again.",
  },
  timeout: { title: "The supervisor took too long", advice: "Try again, or choose a faster model." },
  bad_reply: {
    title: "The supervisor’s reply makes no sense here",
    advice: "The server does not seem to speak the OpenAI chat completions protocol at this base URL.",
  },
  internal: {
    title: "Something broke in this page",
    advice: "The worker is started again when needed: load the model once more. Please report this.",
  },
};

export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}

export function failure(error: unknown): Failure {
  if (error instanceof MinionsError) {
    return { code: error.code, message: error.message, ...(explanations[error.code] ?? explanations.internal) };
  }
  return { code: "internal", message: error instanceof Error ? error.message : String(error), ...explanations.internal };
}
