import { html, nothing, type TemplateResult } from "lit";
import type { Usage } from "minions-web";
import type { Conversation } from "../conversation.js";
import { count, money, seconds, times, totalTokens } from "../words.js";

/** What a run took of each model, beside what sending the documents would have taken: in numbers, and a bar for each. */
export function costs(run: Conversation, elapsedMs: number): TemplateResult {
  const { outcome, cost } = run;
  const instead = run.protocol === "remote_only" ? undefined : outcome?.remoteOnly;
  const { local, remote } = run.usage;
  const most = Math.max(totalTokens(local), totalTokens(remote), instead ? totalTokens(instead) : 0, 1);
  const bar = (usage: Usage) =>
    html`<span class="track" aria-hidden="true"><span .style=${`--share: ${(totalTokens(usage) / most).toFixed(4)}`}></span></span>`;
  const parts = (usage: Usage) => html`<small>${count(usage.prompt_tokens)} read, ${count(usage.completion_tokens)} written</small>`;
  return html`<dl class="costs">
      <div class="worker">
        <dt>Worker, on this device</dt>
        <dd data-testid="tokens-local">${bar(local)}<span>${count(totalTokens(local))} tokens ${parts(local)}</span></dd>
      </div>
      <div class="supervisor">
        <dt>Supervisor${run.destination.kind === "recording" ? ", as recorded" : ""}</dt>
        <dd data-testid="tokens-remote">
          ${bar(remote)}<span
            >${remote.estimated ? "about " : nothing}${count(totalTokens(remote))} tokens ${parts(remote)}
            ${cost ? html`<small data-testid="cost">about ${money(cost.spent)}</small>` : nothing}</span
          >
        </dd>
      </div>
      ${instead
        ? html`<div class="instead">
            <dt>Had the document been sent</dt>
            <dd data-testid="tokens-remote-only">
              ${bar(instead)}<span
                >about ${count(totalTokens(instead))} tokens
                ${cost ? html`<small>about ${money(cost.remoteOnly)}</small>` : nothing}</span
              >
            </dd>
          </div>`
        : nothing}
      <div>
        <dt>Time</dt>
        <dd data-testid="elapsed"><span></span><span>${seconds(elapsedMs)}</span></dd>
      </div>
    </dl>
    ${outcome ? html`<p class="quiet" data-testid="compared">${compared(run)}</p>` : nothing}`;
}

/** The comparison in a sentence, whichever way it went. */
function compared({ usage, outcome, cost, protocol }: Conversation): string {
  if (protocol === "remote_only") return "The document was sent.";
  const spent = cost?.spent ?? totalTokens(usage.remote);
  const instead = cost?.remoteOnly ?? (outcome ? totalTokens(outcome.remoteOnly) : 0);
  if (totalTokens(usage.remote) === 0) return "Nothing was paid for: no supervisor took part.";
  const [verb, unit] = cost ? ["cost", "as much"] : ["taken", "as many of the supervisor’s tokens"];
  if (instead >= spent) return `Sending the document would have ${verb} ${times(instead / spent)} ${unit}.`;
  return `Sending so short a document would have ${verb} less: this took ${times(spent / instead)} ${unit}. But the document stayed here.`;
}
