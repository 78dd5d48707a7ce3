/** An answer as a file that others can read, with what it rests on and how it came about. */
import type { Evidence } from "minions-web";
import type { Conversation } from "./conversation.js";
import { totalTokens } from "./sizes.js";
import { strings } from "./strings.js";

const says = strings.answerFile;

/** In Markdown. What models and documents say stays text there, too: no links, no images, no markup. */
export function toMarkdown(run: Conversation): string {
  const { task, outcome, documents, usage } = run;
  const evidence = outcome?.evidence ?? [];
  const cited = evidence.filter(({ isCited }) => isCited);
  const grounds = (cited.length ? cited : evidence).map((piece) => `- ${ground(piece, run)}`);
  return [
    `# ${oneLine(task)}`,
    plain(outcome?.answer ?? strings.run.noAnswer),
    ...(grounds.length ? [`## ${cited.length ? strings.evidence.cited : strings.evidence.found}`, grounds.join("\n")] : []),
    `## ${says.how}`,
    [
      `- ${says.documents(documents.map(({ name }) => oneLine(name || strings.document.unnamedWithin)).join(", "))}`,
      `- ${says.protocol(strings.protocols[run.protocol].name, outcome?.rounds ?? 0)}`,
      `- ${says.worker(oneLine(run.workerName), totalTokens(usage.local))}`,
      `- ${supervisor(run)}`,
    ].join("\n"),
    says.check,
    "",
  ].join("\n\n");
}

function ground({ answer, quote, document, chunkId, votes }: Evidence, { documents }: Conversation): string {
  const where = [
    ...(document && documents.length > 1 ? [oneLine(documents[document - 1]?.name || strings.document.unnamedWithin)] : []),
    strings.evidence.chunk(chunkId),
    ...(votes > 1 ? [says.votes(votes)] : []),
    ...(quote ? [] : [says.withoutQuote]),
  ].join(", ");
  return says.ground(oneLine(answer), quote && quote !== answer ? oneLine(quote) : undefined, where);
}

function supervisor({ destination, usage, cost }: Conversation): string {
  if (destination.kind === "nowhere") return says.noSupervisor;
  const name = destination.kind === "recording" ? says.recording : says.modelAt(oneLine(destination.model), destination.host);
  return says.supervisor(name, totalTokens(usage.remote), cost?.spent);
}

/** Without what Markdown would take for something. */
const plain = (text: string): string => text.replace(/[\\`*_[\]<>#|~!&]/g, "\\$&");

const oneLine = (text: string): string => plain(text.replace(/\s+/g, " ").trim());
