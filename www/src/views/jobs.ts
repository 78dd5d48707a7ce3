import { html, nothing, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { placeOf } from "../citation.js";
import type { Job, Jobs } from "../conversation.js";
import { STATUS, tally } from "../plan.js";
import type { Doc } from "../reading.js";
import { count } from "../words.js";
import { Panel } from "./panel.js";

/** More would crawl, and nobody looks at each. */
const MOST_SHOWN = 400;

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
        <strong>${count(done)} of ${count(list.length)} jobs done</strong>${counts ? html`: ${tally(counts)}.` : nothing}
      </p>
      <ul class="jobs" aria-label="Jobs of round ${this.jobs.round}">
        ${list.slice(0, MOST_SHOWN).map((job) => this.mark(job))}
      </ul>
      ${list.length > MOST_SHOWN
        ? html`<p class="quiet">The first ${count(MOST_SHOWN)} are shown; the transcript has all.</p>`
        : nothing}
      ${chosen ? this.details(chosen) : nothing}
    `;
  }

  private mark(job: Job): TemplateResult {
    const { jobId } = job.manifest;
    const status = job.result?.status ?? "waiting";
    const { mark, words } = STATUS[status];
    return html`<li>
      <button
        type="button"
        data-testid="job"
        data-status=${status}
        aria-expanded=${this.chosen === jobId ? "true" : "false"}
        aria-label="Job ${jobId}: ${words}"
        title="Job ${jobId}: ${words}"
        @click=${() => (this.chosen = this.chosen === jobId ? undefined : jobId)}
      >
        <span aria-hidden="true">${mark}</span>
      </button>
    </li>`;
  }

  private details({ manifest, result }: Job): TemplateResult {
    const { jobId, chunkId, document, range, task, advice } = manifest;
    const from = document === undefined ? undefined : this.documents[document - 1];
    const text = from && slice(from.text, range);
    return html`<dl class="job" data-testid="job-details">
      <dt>Job ${jobId}</dt>
      <dd>${STATUS[result?.status ?? "waiting"].words}${result && result.attempts > 1 ? `, asked ${result.attempts} times` : nothing}</dd>
      <dt>Task</dt>
      <dd>${task}${advice ? html` <span class="quiet">${advice}</span>` : nothing}</dd>
      <dt>Answer</dt>
      <dd>${result?.output.answer ?? "none"}</dd>
      ${result?.quote
        ? html`<dt>Quote</dt><dd><q>${this.cite(result.quote, () => placeOf({ ...manifest, ...result }, this.documents))}</q></dd>`
        : nothing}
      ${result?.error ? html`<dt>Error</dt><dd>${result.error}</dd>` : nothing}
      <dt>Chunk ${chunkId}${from && this.documents.length > 1 ? html` of ${from.name || "pasted text"}` : nothing}</dt>
      <dd>
        ${text === undefined
          ? "made of earlier answers"
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
