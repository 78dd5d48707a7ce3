import { html, nothing, type TemplateResult } from "lit";
import { customElement, property } from "lit/decorators.js";
import type { Conversation, Sent } from "../conversation.js";
import { balance as balanceOf, entryOf, type Balance } from "../privacy.js";
import type { Doc } from "../reading.js";
import { utf8Length } from "../sizes.js";
import { strings } from "../strings.js";
import { WordIndex } from "../word-index.js";
import { Panel, type PropertyValues } from "./panel.js";

const says = strings.ledger;

/** Every message that leaves the page. */
@customElement("ledger-panel")
export class LedgerPanel extends Panel {
  @property({ attribute: false }) run: Conversation | undefined;
  @property({ type: Number }) revision = 0;

  protected override willUpdate(changed: PropertyValues): void {
    // What is looked up in the documents is said as soon as it is known.
    if (changed.has("run") && this.run) void WordIndex.of(this.run.documents).ready.then(() => this.requestUpdate());
  }

  protected override render(): TemplateResult {
    return html`
      <section class="panel" aria-labelledby="ledger-heading">
        <header>
          <h2 id="ledger-heading">${says.heading}</h2>
          <span class="where away">${says.where}</span>
        </header>
        ${this.run ? this.books(this.run) : html`<p class="quiet">${says.nothingYet}</p>`}
      </section>
    `;
  }

  private books(run: Conversation): TemplateResult {
    const balance = balanceOf(run);
    const { requests, bytes } = balance;
    const { destination } = run;
    return html`
      <p data-testid="ledger-summary">
        ${destination.kind === "nowhere"
          ? says.nobody
          : destination.kind === "recording"
            ? says.recording(requests, bytes)
            : says.server(requests, bytes, destination.host)}
      </p>
      ${run.sent.length
        ? html`<ol class="entries">
            ${run.sent.map((sent) => this.entry(sent, run))}
          </ol>`
        : nothing}
      ${run.sent.some(({ stage }) => stage === "answer") ? this.sentWhole(run) : this.kept(run, balance)}
    `;
  }

  private sentWhole(run: Conversation): TemplateResult {
    return html`<p class="notice warn" data-testid="ledger-whole">
      ${says.sentWhole(run.documents.length, sizeOf(run.documents))} ${run.hidden ? says.replaced : nothing}
    </p>`;
  }

  private kept(run: Conversation, { requests, workerBytes, leaked }: Balance): TemplateResult {
    return html`
      <div class="kept" data-testid="ledger-kept">
        <p>
          ${says.stayed(run.documents.length, sizeOf(run.documents))} ${workerBytes > 0 ? says.marked(workerBytes) : nothing}
        </p>
        ${requests > 0 && leaked === undefined
          ? html`<p class="quiet">${says.looking}</p>`
          : nothing}
        ${requests > 0 && leaked === null
          ? html`<p class="quiet" data-testid="ledger-check">
              ${workerBytes > 0 ? says.checkedOutsideReplies : says.checked}
            </p>`
          : nothing}
        ${leaked
          ? html`<p class="quiet" data-testid="ledger-leak">${says.leaked(leaked)}</p>`
          : nothing}
      </div>
    `;
  }

  private entry(sent: Sent, run: Conversation): TemplateResult {
    const entry = entryOf(sent, run.replies);
    const { bytes, time } = strings.amounts;
    return html`<li data-testid="ledger-entry">
      <details>
        <summary>
          <span class="to">
            ${run.destination.kind === "recording" ? says.notSent(sent.round) : says.sentTo(host(run), sent.round)}
            <span class="quiet">${time(sent.at)} · ${says.stages[sent.stage]}</span>
          </span>
          <span class="bytes" data-testid="ledger-bytes">${bytes(entry.bytes)}</span>
        </summary>
        ${sent.repeated > 0
          ? html`<p class="message quiet">${says.repeats(sent.repeated)}</p>`
          : nothing}
        ${entry.fresh.map(
          ({ role, parts }) => html`<div class="message">
            <h4>${says.roles[role as keyof typeof says.roles] ?? role}</h4>
            <pre data-testid="ledger-text" tabindex="0">${parts.map((part) =>
              part.worker ? html`<mark>${part.text}</mark>` : part.text,
            )}</pre>
          </div>`,
        )}
      </details>
    </li>`;
  }
}

function host(run: Conversation): string {
  return run.destination.kind === "server" ? run.destination.host : "";
}

const sizes = new WeakMap<readonly Doc[], number>();

/** The size of documents as they would be sent. */
function sizeOf(documents: readonly Doc[]): number {
  const size = sizes.get(documents) ?? documents.reduce((sum, { text }) => sum + utf8Length(text), 0);
  sizes.set(documents, size);
  return size;
}
