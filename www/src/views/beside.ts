import { html, type TemplateResult } from "lit";
import type { Conversation } from "../conversation.js";
import { shortName } from "../protocols.js";
import { count, money, seconds, totalTokens } from "../words.js";

/** Two runs of one question: what each answered, what it took, and what of the documents was sent. */
export function beside(runs: readonly [Conversation, Conversation]): TemplateResult {
  const line = (name: string, tell: (run: Conversation) => string, isText = false) =>
    html`<tr>
      <th scope="row">${name}</th>
      ${runs.map((run) => html`<td class=${isText ? "said" : ""}>${tell(run)}</td>`)}
    </tr>`;
  return html`<table class="beside" data-testid="beside">
    <caption>
      Side by side
    </caption>
    <thead>
      <tr>
        <td></td>
        ${runs.map(({ protocol }) => html`<th scope="col">${shortName(protocol)}</th>`)}
      </tr>
    </thead>
    <tbody>
      ${line("Answer", ({ outcome }) => outcome?.answer ?? "none", true)}
      ${line("Supervisor", tokens)} ${line("Time", ({ elapsedMs }) => seconds(elapsedMs))}
      ${line("The document", ({ sent }) => (sent.some(({ stage }) => stage === "answer") ? "was sent whole" : "stayed here"))}
    </tbody>
  </table>`;
}

function tokens({ usage: { remote }, cost }: Conversation): string {
  const tokens = `${count(totalTokens(remote))} tokens`;
  return cost ? `${tokens}, about ${money(cost.spent)}` : tokens;
}
