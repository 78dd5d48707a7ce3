import { html, type TemplateResult } from "lit";
import type { Conversation } from "../conversation.js";
import { totalTokens } from "../sizes.js";
import { strings } from "../strings.js";

const says = strings.beside;

/** Two runs of one question: what each answered, what it took, and what of the documents was sent. */
export function beside(runs: readonly [Conversation, Conversation]): TemplateResult {
  const line = (name: string, tell: (run: Conversation) => string, isText = false) =>
    html`<tr>
      <th scope="row">${name}</th>
      ${runs.map((run) => html`<td class=${isText ? "said" : ""}>${tell(run)}</td>`)}
    </tr>`;
  return html`<table class="beside" data-testid="beside">
    <caption>
      ${says.caption}
    </caption>
    <thead>
      <tr>
        <td></td>
        ${runs.map(({ protocol }) => html`<th scope="col">${strings.protocols[protocol].short}</th>`)}
      </tr>
    </thead>
    <tbody>
      ${line(says.answer, ({ outcome }) => outcome?.answer ?? says.noAnswer, true)}
      ${line(says.supervisor, tokens)} ${line(says.time, ({ elapsedMs }) => strings.amounts.seconds(elapsedMs))}
      ${line(says.document, ({ sent }) => (sent.some(({ stage }) => stage === "answer") ? says.sent : says.stayed))}
    </tbody>
  </table>`;
}

function tokens({ usage: { remote }, cost }: Conversation): string {
  const tokens = totalTokens(remote);
  return cost ? says.tokensAndCost(tokens, cost.spent) : says.tokens(tokens);
}
