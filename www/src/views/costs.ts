import { html, nothing, type TemplateResult } from "lit";
import type { Usage } from "minions-web";
import type { Conversation } from "../conversation.js";
import { totalTokens } from "../sizes.js";
import { strings } from "../strings.js";

const says = strings.costs;

/** What a run took of each model, beside what sending the documents would have taken: in numbers, and a bar for each. */
export function costs(run: Conversation, elapsedMs: number): TemplateResult {
  const { outcome, cost } = run;
  const instead = run.protocol === "remote_only" ? undefined : outcome?.remoteOnly;
  const { local, remote } = run.usage;
  const most = Math.max(totalTokens(local), totalTokens(remote), instead ? totalTokens(instead) : 0, 1);
  const bar = (usage: Usage) =>
    html`<span class="track" aria-hidden="true"><span .style=${`--share: ${(totalTokens(usage) / most).toFixed(4)}`}></span></span>`;
  const parts = (usage: Usage) => html`<small>${says.readAndWritten(usage.prompt_tokens, usage.completion_tokens)}</small>`;
  return html`<dl class="costs">
      <div class="worker">
        <dt>${says.worker}</dt>
        <dd data-testid="tokens-local">${bar(local)}<span>${says.tokens(totalTokens(local))} ${parts(local)}</span></dd>
      </div>
      <div class="supervisor">
        <dt>${run.destination.kind === "recording" ? says.recordedSupervisor : says.supervisor}</dt>
        <dd data-testid="tokens-remote">
          ${bar(remote)}<span
            >${(remote.estimated ? says.aboutTokens : says.tokens)(totalTokens(remote))} ${parts(remote)}
            ${cost ? html`<small data-testid="cost">${says.about(cost.spent)}</small>` : nothing}</span
          >
        </dd>
      </div>
      ${instead
        ? html`<div class="instead">
            <dt>${says.instead}</dt>
            <dd data-testid="tokens-remote-only">
              ${bar(instead)}<span
                >${says.aboutTokens(totalTokens(instead))}
                ${cost ? html`<small>${says.about(cost.remoteOnly)}</small>` : nothing}</span
              >
            </dd>
          </div>`
        : nothing}
      <div>
        <dt>${says.time}</dt>
        <dd data-testid="elapsed"><span></span><span>${strings.amounts.seconds(elapsedMs)}</span></dd>
      </div>
    </dl>
    ${outcome ? html`<p class="quiet" data-testid="compared">${compared(run)}</p>` : nothing}`;
}

/** The comparison in a sentence, whichever way it went. */
function compared({ usage, outcome, cost, protocol }: Conversation): string {
  if (protocol === "remote_only") return says.wasSent;
  const spent = cost?.spent ?? totalTokens(usage.remote);
  const instead = cost?.remoteOnly ?? (outcome ? totalTokens(outcome.remoteOnly) : 0);
  if (totalTokens(usage.remote) === 0) return says.nothingPaid;
  if (instead >= spent) return (cost ? says.insteadCosts : says.insteadTakes)(instead / spent);
  return (cost ? says.insteadCostsLess : says.insteadTakesLess)(spent / instead);
}
