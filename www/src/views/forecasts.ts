import { html, nothing, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import type { Estimate, TimedForecast } from "minions-web";
import { failure, type Failure } from "../failure.js";
import type { Protocol } from "../protocols.js";
import { totalTokens } from "../sizes.js";
import { strings } from "../strings.js";
import type { SupervisorChoice } from "../supervisors.js";
import { Panel, type PropertyValues } from "./panel.js";

/** Predicts with the page's worker and documents. */
export type Predict = (task: string, supervisor: SupervisorChoice) => Promise<Estimate>;

/** Typing goes on for so many milliseconds at least before something is predicted anew. */
const PAUSE_MS = 300;

const says = strings.forecasts;

/** What each protocol would take, once somebody wants to know: to find out takes the worker about as long as a short reply. */
@customElement("forecasts-view")
export class ForecastsView extends Panel {
  /** Nothing while there is no worker, or it is busy. */
  @property({ attribute: false }) predict: Predict | undefined;
  @property() task = "";
  @property({ attribute: false }) supervisor: SupervisorChoice | undefined;
  @property() protocol: Protocol = "auto";
  @state() private isOpen = false;
  @state() private estimate: Estimate | undefined;
  @state() private failure: Failure | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  /** What the prediction that is shown, or made, is about. */
  private subject = "";

  protected override updated(changed: PropertyValues): void {
    const isNew = changed.has("predict") || changed.has("task") || changed.has("supervisor") || changed.has("isOpen");
    if (!isNew || !this.isOpen || !this.predict) return;
    const subject = JSON.stringify([this.task, priceOf(this.supervisor)]);
    if (!changed.has("predict") && subject === this.subject) return;
    this.subject = subject;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.ask(), PAUSE_MS);
  }

  private async ask(): Promise<void> {
    const { predict, task, supervisor, subject } = this;
    if (!predict || !supervisor) return;
    let told: { estimate?: Estimate; failure?: Failure };
    try {
      told = { estimate: await predict(task, supervisor) };
    } catch (error) {
      told = { failure: failure(error) };
    }
    if (subject !== this.subject || predict !== this.predict) return;
    this.estimate = told.estimate;
    this.failure = told.failure;
  }

  protected override render(): TemplateResult {
    return html`<details
      class="forecasts"
      data-testid="forecasts"
      @toggle=${(event: Event) => (this.isOpen = (event.target as HTMLDetailsElement).open)}
    >
      <summary>${says.summary}</summary>
      ${this.isOpen ? this.body() : nothing}
    </details>`;
  }

  private body(): TemplateResult {
    const { estimate, failure: what } = this;
    if (what) return html`<p class="hint">${what.advice}</p>`;
    if (!estimate) return html`<p class="hint">${this.predict ? says.timing : says.later}</p>`;
    const { forecasts, protocol, reason, speed } = estimate;
    return html`
      <table>
        <caption class="hidden-text">${says.caption}</caption>
        <thead>
          <tr>
            <th scope="col">${says.protocol}</th>
            <th scope="col">${says.time}</th>
            <th scope="col">${says.tokens}</th>
            <th scope="col">${says.cost}</th>
          </tr>
        </thead>
        <tbody>
          ${forecasts.map((forecast) => this.row(forecast))}
        </tbody>
      </table>
      <p class="hint" data-testid="forecast-reason">${says.choice(strings.protocols[protocol].short, reason)}</p>
      <p class="hint">${says.speeds(Math.round(speed.prefill), Math.round(speed.decode), Math.round(speed.batchDecode))}</p>
    `;
  }

  private row({ protocol, seconds, remote, cost, documentsLeave }: TimedForecast): TemplateResult {
    const { brief, count, money } = strings.amounts;
    return html`<tr data-testid="forecast" data-protocol=${protocol} aria-current=${protocol === this.protocol ? "true" : nothing}>
      <th scope="row">${strings.protocols[protocol].short}</th>
      <td>${brief(seconds)}</td>
      <td>${count(totalTokens(remote))}${documentsLeave ? html`<small>${says.documentsLeave}</small>` : nothing}</td>
      <td>${cost === undefined ? "–" : money(cost)}</td>
    </tr>`;
  }
}

/** All of a supervisor that a prediction depends on. */
const priceOf = (supervisor: SupervisorChoice | undefined): string => (supervisor?.kind === "server" ? supervisor.model : "");
