import { html, nothing, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { guard } from "lit/directives/guard.js";
import { repeat } from "lit/directives/repeat.js";
import type { Evidence } from "minions-web";
import { placeOf } from "../citation.js";
import type { Conversation, Item, Turn } from "../conversation.js";
import { hiddenWords, steps } from "../plan.js";
import type { Doc } from "../reading.js";
import { strings } from "../strings.js";
import { beside } from "./beside.js";
import { costs } from "./costs.js";
import { field } from "./field.js";
import { Panel, type PropertyValues } from "./panel.js";
import { times } from "./times.js";

const says = strings.run;

/** The conversation of a run, and what came of it. */
@customElement("run-panel")
export class RunPanel extends Panel {
  @property({ attribute: false }) run: Conversation | undefined;
  /** Changes with every event: a run is one object that grows. */
  @property({ type: Number }) revision = 0;
  /** The questions that this one follows up on. */
  @property({ attribute: false }) earlier: readonly Conversation[] = [];
  /** The run that this one is to be held against. */
  @property({ attribute: false }) beside: Conversation | undefined;
  /** Why the next question cannot follow up on this one. */
  @property() obstacle = "";
  /** Whether a run that was broken off can go on. */
  @property({ type: Boolean }) canGoOn = false;
  @property() announcement = "";
  @state() private followUp = "";
  @state() private now = 0;
  private clock: ReturnType<typeof setInterval> | undefined;

  protected override updated(changed: PropertyValues): void {
    if (!changed.has("revision")) return;
    const running = this.run?.state === "running";
    if (running && this.clock === undefined) this.clock = setInterval(() => (this.now = performance.now()), 250);
    if (!running && this.clock !== undefined) {
      clearInterval(this.clock);
      this.clock = undefined;
    }
  }

  protected override render(): TemplateResult {
    const { run } = this;
    return html`
      <section class="panel" aria-labelledby="conversation">
        <header>
          <h2 id="conversation" tabindex="-1">${says.heading}</h2>
          ${run
            ? html`<span class="row">
                <span class="quiet" data-testid="run-state">${this.state(run)}</span>
                ${run.state === "running"
                  ? html`<button type="button" class="stop" data-testid="stop-here" @click=${() => this.send("stop-run")}>${says.stop}</button>`
                  : nothing}
              </span>`
            : nothing}
        </header>
        <div class="hidden-text" role="log" aria-live="polite" aria-atomic="true">${this.announcement}</div>
        ${run ? this.conversation(run) : this.nothingYet()}
      </section>
    `;
  }

  private nothingYet(): TemplateResult {
    return html`<div class="empty">
      <p>${says.nothingYet}</p>
    </div>`;
  }

  private state(run: Conversation): string {
    switch (run.state) {
      case "running":
        return says.running;
      case "answered":
        return says.answered(run.outcome?.rounds ?? 0);
      case "unanswered":
        return says.unanswered;
      case "failed":
        return says.failed;
      case "stopped":
        return says.stopped;
      case "idle":
        return "";
    }
  }

  private conversation(run: Conversation): TemplateResult {
    return html`
      ${this.earlier.length
        ? html`<ol class="earlier" aria-label=${says.earlier}>
            ${this.earlier.map(({ task, outcome }) => html`<li data-testid="earlier">
              ${asked(task)}
              <p class="said">${outcome?.answer ?? outcome?.reason?.message ?? says.wasNoAnswer}</p>
            </li>`)}
          </ol>`
        : nothing}
      ${asked(run.task)} ${this.privacy(run)}
      ${run.items.length
        ? html`<ol class="turns" aria-label=${says.messages}>
            ${guard([run, this.revision], () =>
              // The clock's ticks do not change them.
              repeat(
                run.items,
                (_, index) => index,
                (item) => this.item(item, run),
              ),
            )}
          </ol>`
        : nothing}
      ${this.ending(run)} ${this.evidence(run)}
      ${this.beside && run.outcome ? beside([this.beside, run]) : nothing}
      ${costs(run, run.state === "running" ? Math.max(this.now - run.startedAt, 0) : run.elapsedMs)} ${times(run)}
      ${run.state === "running"
        ? nothing
        : html`<div class="row">
            ${(run.state === "stopped" || run.state === "failed") && this.canGoOn
              ? html`<button type="button" data-testid="go-on" @click=${() => this.send("go-on")}>${says.goOn}</button>`
              : nothing}
            ${run.outcome?.answer == null
              ? nothing
              : html`<button type="button" data-testid="export-answer" @click=${() => this.send("export-answer")}>${says.saveAnswer}</button>`}
            ${run.state === "answered" && run.destination.kind === "server" && run.protocol !== "remote_only" && !this.obstacle
              ? html`<button type="button" data-testid="compare" @click=${() => this.send("compare")}>${says.compare}</button>`
              : nothing}
            <button type="button" data-testid="export" @click=${() => this.send("export-run")}>${says.saveTranscript}</button>
          </div>`}
      ${run.outcome ? this.next() : nothing}
    `;
  }

  private next(): TemplateResult {
    if (this.obstacle) return html`<p class="quiet" data-testid="obstacle">${this.obstacle}</p>`;
    return html`<form class="ask-on" @submit=${this.askOn} novalidate>
      ${field({
        id: "follow-up",
        label: says.followUp,
        describedBy: "follow-up-hint",
        value: this.followUp,
        input: ({ value }) => (this.followUp = value),
        beside: html`<button type="submit" data-testid="ask-on" ?disabled=${!this.followUp.trim()}>${says.askOn}</button>`,
      })}
      <p class="hint" id="follow-up-hint">${says.followUpHint}</p>
    </form>`;
  }

  private askOn(event: SubmitEvent): void {
    event.preventDefault();
    if (!this.followUp.trim()) return;
    this.send("ask-on", this.followUp);
    this.followUp = "";
  }

  private item(item: Item, run: Conversation): TemplateResult {
    switch (item.kind) {
      case "round":
        return html`<li class="round">${says.round(item.round)}</li>`;
      case "remark":
        return html`<li class="quiet" data-testid="remark">${item.text}</li>`;
      case "plan":
        return html`<li class="turn supervisor" data-testid="plan">
          <div class="who"><strong>${item.isFallback ? says.fallbackPlan : says.plan}</strong></div>
          <ol class="steps">
            ${steps(item.plan).map((step) => html`<li>${step}</li>`)}
          </ol>
        </li>`;
      case "jobs":
        return html`<li class="turn worker" data-testid="jobs">
          <div class="who"><strong>${says.worker}</strong></div>
          <jobs-view .jobs=${item} .documents=${run.documents} .revision=${this.revision}></jobs-view>
        </li>`;
      case "turn":
        return this.turn(item, run);
    }
  }

  private privacy({ hidden }: Conversation): TemplateResult | typeof nothing {
    if (!hidden) return nothing;
    if (!hidden.length) {
      return html`<p class="notice warn" data-testid="hidden">${says.nothingHidden}</p>`;
    }
    return html`<details class="notice" data-testid="hidden">
      <summary>${says.hidden(hiddenWords(hidden))}</summary>
      <p class="quiet">${says.placeholders(hidden.map(({ placeholder }) => placeholder).join(", "))}</p>
    </details>`;
  }

  /** What the answer rests on: what the supervisor named first, the rest on demand. */
  private evidence({ outcome, documents }: Conversation): TemplateResult | typeof nothing {
    if (!outcome?.evidence.length) return nothing;
    const cited = outcome.evidence.filter(({ isCited }) => isCited);
    const others = outcome.evidence.filter(({ isCited }) => !isCited);
    return html`<section class="evidence" aria-labelledby="evidence-heading" data-testid="evidence">
      <h3 id="evidence-heading">${cited.length ? strings.evidence.cited : strings.evidence.found}</h3>
      ${cited.length ? this.pieces(cited, documents) : this.pieces(others.slice(0, 5), documents)}
      ${(cited.length ? others : others.slice(5)).length
        ? html`<details>
            <summary>${strings.evidence.more((cited.length ? others : others.slice(5)).length)}</summary>
            ${this.pieces(cited.length ? others : others.slice(5), documents)}
          </details>`
        : nothing}
    </section>`;
  }

  private pieces(pieces: Evidence[], documents: readonly Doc[]): TemplateResult {
    return html`<ul>
      ${pieces.map((piece) => {
        const { answer, quote, chunkId, votes, document } = piece;
        // What was drawn from earlier answers stands in no document.
        const cite = (words: string) => (document ? this.cite(words, () => placeOf(piece, documents)) : words);
        const from = documents.length > 1 ? documents[(document ?? 0) - 1] : undefined;
        const chunk = strings.evidence.chunk(chunkId);
        const name = from && (from.name || strings.document.unnamedWithin);
        return html`<li data-testid="evidence-piece">
          ${quote === answer ? cite(answer) : answer}${quote && quote !== answer ? html` — <q>${cite(quote)}</q>` : nothing}
          <span class="quiet">${strings.evidence.where(quote ? chunk : cite(chunk), name, votes, Boolean(quote))}</span>
        </li>`;
      })}
    </ul>`;
  }

  private turn(turn: Turn, run: Conversation): TemplateResult {
    const supervisor = turn.who === "supervisor";
    const name = supervisor ? (run.destination.kind === "recording" ? says.recordedSupervisor : says.supervisor) : says.worker;
    return html`<li class="turn ${turn.who} ${turn.state}" data-testid="turn" data-who=${turn.who} data-state=${turn.state}>
      <div class="who">
        <strong>${name}</strong>
        ${turn.usage && turn.elapsedMs !== undefined
          ? html`<span class="meta">${says.tookTokens(turn.usage.completion_tokens, turn.elapsedMs)}</span>`
          : nothing}
      </div>
      ${this.said(turn)}
      ${turn.reasoning
        ? html`<details>
            <summary>${says.reasoning}</summary>
            <p class="said">${turn.reasoning}</p>
          </details>`
        : nothing}
    </li>`;
  }

  private said(turn: Turn): TemplateResult {
    if (turn.state === "waiting") {
      return html`<p class="said waiting">${turn.who === "supervisor" ? says.thinking : says.reading}</p>`;
    }
    if (turn.state === "cut" && !turn.text) return html`<p class="said waiting">${says.noReply}</p>`;
    return html`<p class="said" data-testid="said">${turn.text || says.emptyReply}</p>
      ${turn.place ? html`<p class="quiet">${this.cite(says.inDocument, () => turn.place)}</p>` : nothing}
      ${turn.state === "cut" ? html`<p class="quiet">${says.cutOff}</p>` : nothing}`;
  }

  private ending(run: Conversation): TemplateResult | typeof nothing {
    const { outcome, failure } = run;
    if (run.state === "stopped") {
      return html`<p class="notice" data-testid="stopped">${says.stoppedHere}</p>`;
    }
    if (failure) {
      return html`<div class="notice error" data-testid="failure" data-code=${failure.code}>
        <p><strong>${failure.title}.</strong> ${failure.advice}</p>
        <p class="code">${failure.message} <span>(${failure.code})</span></p>
      </div>`;
    }
    if (!outcome) return nothing;
    if (outcome.answer === null) {
      return html`<p class="notice warn" data-testid="no-answer">${outcome.reason?.message ?? says.noAnswer}</p>`;
    }
    return html`<section class="answer" aria-labelledby="answer-heading">
      <h3 id="answer-heading" tabindex="-1">${says.answer}</h3>
      <p class="text" data-testid="answer">${outcome.answer}</p>
      ${outcome.isRawReply
        ? html`<p class="quiet">${says.rawReply}</p>`
        : nothing}
      ${run.destination.kind === "recording"
        ? html`<p class="quiet">${says.recording}</p>`
        : nothing}
    </section>`;
  }
}

/** What the user wanted to know. */
const asked = (task: string): TemplateResult => html`<p class="asked" data-testid="asked"><span class="hidden-text">${says.asked}</span>${task}</p>`;
