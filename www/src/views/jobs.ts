import { html, nothing, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { placeOf } from "../citation.js";
import type { Job, Jobs } from "../conversation.js";
import { MARKS, tally } from "../plan.js";
import type { Doc } from "../reading.js";
import { strings } from "../strings.js";
import { Panel } from "./panel.js";

/** More would crawl, and nobody looks at each. */
const MOST_SHOWN = 400;

const says = strings.jobs;

/** The jobs of a round: one mark each, and on demand what a job was asked, read and replied. */
@customElement("jobs-view")
export class JobsView extends Panel {
  @property({ attribute: false }) jobs!: Jobs;
  @property({ attribute: false }) documents: readonly Doc[] = [];
  @property({ type: Number }) revision = 0;
  @state() private chosen: number | undefined;

  protected override render(): TemplateResult {
    const { list, counts } = this.jobs;
    const done = list.filter(({ result }) => result).length;
    const chosen = list.find(({ manifest }) => manifest.jobId === this.chosen);
    return html`
      <p data-testid="jobs-count">
        <strong>${says.done(done, list.length)}</strong>${counts ? html`: ${tally(counts)}.` : nothing}
      </p>
      <ul class="jobs" aria-label=${says.ofRound(this.jobs.round)}>
        ${list.slice(0, MOST_SHOWN).map((job) => this.mark(job))}
      </ul>
      ${list.length > MOST_SHOWN
        ? html`<p class="quiet">${says.first(MOST_SHOWN)}</p>`
        : nothing}
      ${chosen ? this.details(chosen) : nothing}
    `;
  }

  private mark(job: Job): TemplateResult {
    const { jobId } = job.manifest;
    const status = job.result?.status ?? "waiting";
    const words = says.jobIs(jobId, says.status[status]);
    return html`<li>
      <button
        type="button"
        data-testid="job"
        data-status=${status}
        aria-expanded=${this.chosen === jobId ? "true" : "false"}
        aria-label=${words}
        title=${words}
        @click=${() => (this.chosen = this.chosen === jobId ? undefined : jobId)}
      >
        <span aria-hidden="true">${MARKS[status]}</span>
      </button>
    </li>`;
  }

  private details({ manifest, result }: Job): TemplateResult {
    const { jobId, chunkId, document, range, task, advice } = manifest;
    const status = says.status[result?.status ?? "waiting"];
    const from = document === undefined ? undefined : this.documents[document - 1];
    const text = from && slice(from.text, range);
    const name = from && this.documents.length > 1 ? from.name || strings.document.unnamedWithin : undefined;
    return html`<dl class="job" data-testid="job-details">
      <dt>${says.job(jobId)}</dt>
      <dd>${status}${result && result.attempts > 1 ? says.attempts(result.attempts) : nothing}</dd>
      <dt>${says.task}</dt>
      <dd>${task}${advice ? html` <span class="quiet">${advice}</span>` : nothing}</dd>
      <dt>${says.answer}</dt>
      <dd>${result?.output.answer ?? says.noAnswer}</dd>
      ${result?.quote
        ? html`<dt>${says.quote}</dt><dd><q>${this.cite(result.quote, () => placeOf({ ...manifest, ...result }, this.documents))}</q></dd>`
        : nothing}
      ${result?.error ? html`<dt>${says.error}</dt><dd>${result.error}</dd>` : nothing}
      <dt>${says.chunk(chunkId, name)}</dt>
      <dd>
        ${text === undefined
          ? says.ofEarlierAnswers
          : html`<pre tabindex="0">${marked(text.trim(), result?.quote)}</pre>`}
      </dd>
    </dl>`;
  }
}

/** A part of a text by its bytes in UTF-8. */
function slice(text: string, { start, end }: { start: number; end: number }): string {
  return new TextDecoder().decode(new TextEncoder().encode(text).subarray(start, end));
}

function marked(text: string, quote: string | undefined): TemplateResult | string {
  const at = quote ? text.indexOf(quote) : -1;
  if (!quote || at < 0) return text;
  return html`${text.slice(0, at)}<mark>${quote}</mark>${text.slice(at + quote.length)}`;
}
