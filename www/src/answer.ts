/** An answer as a file that others can read, with what it rests on and how it came about. */
import type { Evidence, Usage } from "minions-web";
import type { Conversation } from "./conversation.js";
import { PROTOCOLS } from "./protocols.js";
import { count, money, plural, totalTokens } from "./words.js";

/** In Markdown. What models and documents say stays text there, too: no links, no images, no markup. */
export function toMarkdown(run: Conversation): string {
  const { task, outcome, documents } = run;
  const evidence = outcome?.evidence ?? [];
  const cited = evidence.filter(({ isCited }) => isCited);
  const grounds = (cited.length ? cited : evidence).map((piece) => ground(piece, run));
  return [
    `# ${oneLine(task)}`,
    plain(outcome?.answer ?? "There is no answer."),
    ...(grounds.length ? [`## ${cited.length ? "The answer rests on" : "The worker found"}`, grounds.join("\n")] : []),
    "## How it came about",
    [
      `- Documents: ${documents.map(({ name }) => oneLine(name || "pasted text")).join(", ")}`,
      `- Protocol: ${PROTOCOLS[run.protocol].name}, ${plural(outcome?.rounds ?? 0, "round")}`,
      `- Worker, on the user’s device: ${oneLine(run.workerName)}, ${tokens(run.usage.local)}`,
      `- Supervisor: ${supervisor(run)}`,
    ].join("\n"),
    "Models err: check the answer against the documents.",
    "",
  ].join("\n\n");
}

function ground({ answer, quote, document, chunkId, votes }: Evidence, { documents }: Conversation): string {
  const where = [
    ...(document && documents.length > 1 ? [oneLine(documents[document - 1]?.name || "pasted text")] : []),
    `chunk ${chunkId}`,
    ...(votes > 1 ? [`${votes} times`] : []),
  ].join(", ");
  return `- ${oneLine(answer)}${quote && quote !== answer ? ` — “${oneLine(quote)}”` : ""} (${where}${quote ? "" : ", without a quote"})`;
}

function supervisor({ destination, usage, cost }: Conversation): string {
  if (destination.kind === "nowhere") return "none";
  const name = destination.kind === "recording" ? "a recording" : `${oneLine(destination.model)} at ${destination.host}`;
  return `${name}, ${tokens(usage.remote)}${cost ? `, about ${money(cost.spent)}` : ""}`;
}

const tokens = (usage: Usage): string => `${count(totalTokens(usage))} tokens`;

/** Without what Markdown would take for something. */
const plain = (text: string): string => text.replace(/[\\`*_[\]<>#|~!&]/g, "\\$&");

const oneLine = (text: string): string => plain(text.replace(/\s+/g, " ").trim());
