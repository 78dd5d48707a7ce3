import { html, nothing, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import type { Evidence } from "minions-web";
import { placeOf } from "../citation.js";
import type { Conversation, Item, Turn } from "../conversation.js";
import { hiddenWords, steps } from "../plan.js";
import type { Doc } from "../reading.js";
import { plural, seconds } from "../words.js";
import { beside } from "./beside.js";
import { costs } from "./costs.js";
import { field } from "./field.js";
import { Panel, type PropertyValues } from "./panel.js";
import { times } from "./times.js";

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
          <h2 id="conversation" tabindex="-1">Conversation</h2>
          ${run
            ? html`<span class="row">
                <span class="quiet" data-testid="run-state">${this.state(run)}</span>
                ${run.state === "running"
                  ? html`<button type="button" class="stop" data-testid="stop-here" @click=${() => this.send("stop-run")}>Stop</button>`
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
      <p>
        Press <strong>Run</strong>. The supervisor asks the worker for what it needs to know, one question at a time or by a plan
        of many; the worker looks it up in the document; the supervisor draws the conclusion.
      </p>
    </div>`;
  }

  private state(run: Conversation): string {
    switch (run.state) {
      case "running":
        return "Running";
      case "answered":
        return `Answered in ${plural(run.outcome?.rounds ?? 0, "round")}`;
      case "unanswered":
        return "Ended without an answer";
      case "failed":
        return "Failed";
      case "stopped":
        return "Stopped";
      case "idle":
        return "";
    }
  }

  private conversation(run: Conversation): TemplateResult {
    return html`
      ${this.earlier.length
        ? html`<ol class="earlier" aria-label="Earlier questions">
            ${this.earlier.map(({ task, outcome }) => html`<li data-testid="earlier">
              ${asked(task)}
              <p class="said">${outcome?.answer ?? outcome?.reason?.message ?? "There was no answer."}</p>
            </li>`)}
          </ol>`
        : nothing}
      ${asked(run.task)} ${this.privacy(run)}
      ${run.items.length
        ? html`<ol class="turns" aria-label="Messages">
            ${repeat(
              run.items,
              (_, index) => index,
              (item) => this.item(item, run),
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
              ? html`<button type="button" data-testid="go-on" @click=${() => this.send("go-on")}>Go on</button>`
              : nothing}
            ${run.outcome?.answer == null
              ? nothing
              : html`<button type="button" data-testid="export-answer" @click=${() => this.send("export-answer")}>Save the answer (Markdown)</button>`}
            ${run.state === "answered" && run.destination.kind === "server" && run.protocol !== "remote_only" && !this.obstacle
              ? html`<button type="button" data-testid="compare" @click=${() => this.send("compare")}>Send the document too, and compare</button>`
              : nothing}
            <button type="button" data-testid="export" @click=${() => this.send("export-run")}>Save the transcript (JSON)</button>
          </div>`}
      ${run.outcome ? this.next() : nothing}
    `;
  }

  private next(): TemplateResult {
    if (this.obstacle) return html`<p class="quiet" data-testid="obstacle">${this.obstacle}</p>`;
    return html`<form class="ask-on" @submit=${this.askOn} novalidate>
      ${field({
        id: "follow-up",
        label: "Follow up on this",
        describedBy: "follow-up-hint",
        value: this.followUp,
        input: ({ value }) => (this.followUp = value),
        beside: html`<button type="submit" data-testid="ask-on" ?disabled=${!this.followUp.trim()}>Ask on</button>`,
      })}
      <p class="hint" id="follow-up-hint">On the terms of the form above. The supervisor is told what was asked and answered so far.</p>
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
        return html`<li class="round">Round ${item.round}</li>`;
      case "remark":
        return html`<li class="quiet" data-testid="remark">${item.text}</li>`;
      case "plan":
        return html`<li class="turn supervisor" data-testid="plan">
          <div class="who"><strong>${item.isFallback ? "Plan (ours: the supervisor’s could not be used)" : "Plan"}</strong></div>
          <ol class="steps">
            ${steps(item.plan).map((step) => html`<li>${step}</li>`)}
          </ol>
        </li>`;
      case "jobs":
        return html`<li class="turn worker" data-testid="jobs">
          <div class="who"><strong>Worker</strong></div>
          <jobs-view .jobs=${item} .documents=${run.documents} .revision=${this.revision}></jobs-view>
        </li>`;
      case "turn":
        return this.turn(item, run);
    }
  }

  private privacy({ hidden }: Conversation): TemplateResult | typeof nothing {
    if (!hidden) return nothing;
    if (!hidden.length) {
      return html`<p class="notice warn" data-testid="hidden">The rules found no names or identifiers to hide.</p>`;
    }
    return html`<details class="notice" data-testid="hidden">
      <summary>Hidden from the supervisor: ${hiddenWords(hidden)}</summary>
      <p class="quiet">In their place it sees ${hidden.map(({ placeholder }) => placeholder).join(", ")}.</p>
    </details>`;
  }

  /** What the answer rests on: what the supervisor named first, the rest on demand. */
  private evidence({ outcome, documents }: Conversation): TemplateResult | typeof nothing {
    if (!outcome?.evidence.length) return nothing;
    const cited = outcome.evidence.filter(({ isCited }) => isCited);
    const others = outcome.evidence.filter(({ isCited }) => !isCited);
    return html`<section class="evidence" aria-labelledby="evidence-heading" data-testid="evidence">
      <h3 id="evidence-heading">${cited.length ? "The answer rests on" : "The worker found"}</h3>
      ${cited.length ? this.pieces(cited, documents) : this.pieces(others.slice(0, 5), documents)}
      ${(cited.length ? others : others.slice(5)).length
        ? html`<details>
            <summary>${plural((cited.length ? others : others.slice(5)).length, "more answer")} of the worker</summary>
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
        return html`<li data-testid="evidence-piece">
          ${quote === answer ? cite(answer) : answer}${quote && quote !== answer ? html` — <q>${cite(quote)}</q>` : nothing}
          <span class="quiet">
            ${quote ? `chunk ${chunkId}` : cite(`chunk ${chunkId}`)}${from ? ` of ${from.name || "pasted text"}` : nothing}${votes > 1
              ? `, ${votes} times`
              : nothing}${quote ? nothing : ", without a quote"}
          </span>
        </li>`;
      })}
    </ul>`;
  }

  private turn(turn: Turn, run: Conversation): TemplateResult {
    const supervisor = turn.who === "supervisor";
    const name = supervisor ? (run.destination.kind === "recording" ? "Supervisor (recorded)" : "Supervisor") : "Worker";
    return html`<li class="turn ${turn.who} ${turn.state}" data-testid="turn" data-who=${turn.who} data-state=${turn.state}>
      <div class="who">
        <strong>${name}</strong>
        ${turn.usage && turn.elapsedMs !== undefined
          ? html`<span class="meta">${plural(turn.usage.completion_tokens, "token")}, ${seconds(turn.elapsedMs)}</span>`
          : nothing}
      </div>
      ${this.said(turn)}
      ${turn.reasoning
        ? html`<details>
            <summary>Its reasoning</summary>
            <p class="said">${turn.reasoning}</p>
          </details>`
        : nothing}
    </li>`;
  }

  private said(turn: Turn): TemplateResult {
    if (turn.state === "waiting") {
      return html`<p class="said waiting">${turn.who === "supervisor" ? "Thinking…" : "Reading the document…"}</p>`;
    }
    if (turn.state === "cut" && !turn.text) return html`<p class="said waiting">No reply.</p>`;
    return html`<p class="said" data-testid="said">${turn.text || "(an empty reply)"}</p>
      ${turn.place ? html`<p class="quiet">${this.cite("In the document", () => turn.place)}</p>` : nothing}
      ${turn.state === "cut" ? html`<p class="quiet">Cut off here.</p>` : nothing}`;
  }

  private ending(run: Conversation): TemplateResult | typeof nothing {
    const { outcome, failure } = run;
    if (run.state === "stopped") {
      return html`<p class="notice" data-testid="stopped">Stopped. Nothing more was asked or sent after that.</p>`;
    }
    if (failure) {
      return html`<div class="notice error" data-testid="failure" data-code=${failure.code}>
        <p><strong>${failure.title}.</strong> ${failure.advice}</p>
        <p class="code">${failure.message} <span>(${failure.code})</span></p>
      </div>`;
    }
    if (!outcome) return nothing;
    if (outcome.answer === null) {
      return html`<p class="notice warn" data-testid="no-answer">${outcome.reason?.message ?? "There is no answer."}</p>`;
    }
    return html`<section class="answer" aria-labelledby="answer-heading">
      <h3 id="answer-heading" tabindex="-1">Answer</h3>
      <p class="text" data-testid="answer">${outcome.answer}</p>
      ${outcome.isRawReply
        ? html`<p class="quiet">This is the supervisor’s last reply as it stands: it was not in the form asked for.</p>`
        : nothing}
      ${run.destination.kind === "recording"
        ? html`<p class="quiet">The supervisor is a recording: its words were written beforehand. The worker’s words, quoted in them, were found just now.</p>`
        : nothing}
    </section>`;
  }
}

/** What the user wanted to know. */
const asked = (task: string): TemplateResult => html`<p class="asked" data-testid="asked"><span class="hidden-text">You asked: </span>${task}</p>`;
