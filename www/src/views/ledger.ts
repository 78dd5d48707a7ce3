import { html, nothing, type TemplateResult } from "lit";
import { customElement, property } from "lit/decorators.js";
import type { Stage } from "minions-web";
import type { Conversation, Sent } from "../conversation.js";
import { balance as balanceOf, entryOf, type Balance } from "../privacy.js";
import type { Doc } from "../reading.js";
import { WordIndex } from "../word-index.js";
import { bytes, plural, utf8Length } from "../words.js";
import { Panel, type PropertyValues } from "./panel.js";

const time = new Intl.DateTimeFormat("en", { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });

const STAGES: Record<Stage, string> = {
  open: "the question, and how to work with the worker",
  decide: "the worker’s reply",
  conclude: "the worker’s last reply, and a request to conclude",
  advise: "the question, to be told what to look for",
  decompose: "a request for a plan",
  think: "what the worker found, to think about",
  synthesize: "what the worker found, and a request to conclude",
  answer: "the question with the whole document",
  summarize: "earlier questions, to be summarised",
};

const ROLES: Record<string, string> = { system: "Instructions", user: "This page says", assistant: "The supervisor said" };

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
          <h2 id="ledger-heading">Ledger</h2>
          <span class="where away">what leaves this page</span>
        </header>
        ${this.run ? this.books(this.run) : html`<p class="quiet">
              Every message to the supervisor is listed here, whole, as it is sent. The document is not among them; what the worker
              replies is, and it can quote the document.
            </p>`}
      </section>
    `;
  }

  private books(run: Conversation): TemplateResult {
    const balance = balanceOf(run);
    const { requests, bytes: size } = balance;
    const recording = run.destination.kind === "recording";
    return html`
      <p data-testid="ledger-summary">
        ${run.destination.kind === "nowhere"
          ? html`<strong>Nothing left this page.</strong> No supervisor took part.`
          : recording
          ? html`<strong>Nothing left this page.</strong> The supervisor is a recording; these are the messages that a live one
              would have been sent: ${plural(requests, "request")}, ${bytes(size)}.`
          : html`<strong>${plural(requests, "request")}, ${bytes(size)} of text</strong>, to ${host(run)} and nowhere else.
              A request that failed for a passing reason may have been repeated.`}
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
      The whole ${sizeOf(run)} was sent: that is what “remote only” does.
      ${run.hidden ? "Names and identifiers that the rules found were replaced before." : nothing}
    </p>`;
  }

  private kept(run: Conversation, { requests, workerBytes, leaked }: Balance): TemplateResult {
    return html`
      <div class="kept" data-testid="ledger-kept">
        <p>
          The ${sizeOf(run)} stayed here.
          ${workerBytes > 0
            ? html`The worker’s replies are <mark>marked</mark> above: ${bytes(workerBytes)} that can quote it, counted each time
              they are sent again.`
            : nothing}
        </p>
        ${requests > 0 && leaked === undefined
          ? html`<p class="quiet">Looking for words of the document in what was sent…</p>`
          : nothing}
        ${requests > 0 && leaked === null
          ? html`<p class="quiet" data-testid="ledger-check">
              Checked: ${workerBytes > 0 ? "outside those replies, " : ""}no five words in a row come from the document.
            </p>`
          : nothing}
        ${leaked
          ? html`<p class="quiet" data-testid="ledger-leak">
              Outside those replies, these words of the document are in the messages: “${leaked}”. They are part of your question, or
              ordinary words.
            </p>`
          : nothing}
      </div>
    `;
  }

  private entry(sent: Sent, run: Conversation): TemplateResult {
    const entry = entryOf(sent, run.replies);
    return html`<li data-testid="ledger-entry">
      <details>
        <summary>
          <span class="to">
            ${run.destination.kind === "recording" ? "Not sent" : html`To ${host(run)}`}, round ${sent.round}
            <span class="quiet">${time.format(sent.at)} · ${STAGES[sent.stage]}</span>
          </span>
          <span class="bytes" data-testid="ledger-bytes">${bytes(entry.bytes)}</span>
        </summary>
        ${sent.repeated > 0
          ? html`<p class="message quiet">
              Repeats the ${plural(sent.repeated, "message")} above, and adds:
            </p>`
          : nothing}
        ${entry.fresh.map(
          ({ role, parts }) => html`<div class="message">
            <h4>${ROLES[role] ?? role}</h4>
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

/** The documents of a run in a word, with their size as they would be sent. */
function sizeOf({ documents }: Conversation): string {
  const size = sizes.get(documents) ?? documents.reduce((sum, { text }) => sum + utf8Length(text), 0);
  sizes.set(documents, size);
  return documents.length > 1 ? `text of ${documents.length} documents (${bytes(size)})` : `document (${bytes(size)})`;
}
