import { html, nothing, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import type { Privacy } from "minions-web";
import type { Failure } from "../failure.js";
import type { Protocol } from "../protocols.js";
import { strings } from "../strings.js";
import { SERVERS, infoOf, reach, type ServerChoice, type ServerName, type SupervisorChoice } from "../supervisors.js";
import { field } from "./field.js";
import type { Predict } from "./forecasts.js";
import { Panel } from "./panel.js";

/** What a server said of the models that it has. */
export type ModelList = { of: Pick<ServerChoice, "provider" | "baseURL"> } & (
  | { state: "asked" }
  | { state: "told"; names: string[] }
  | { state: "failed"; failure: Failure }
);

export interface Ask {
  task: string;
  protocol: Protocol;
  supervisor: SupervisorChoice;
  maxRounds: number;
  privacy: Privacy | null;
}

const says = strings.question;

const RECORDED: SupervisorChoice = { kind: "recorded" };

/** What to find out, and who thinks about it. */
@customElement("question-panel")
export class QuestionPanel extends Panel {
  @property({ type: Boolean }) running = false;
  /** Whether the protocol may choose to send the documents. */
  @property({ type: Boolean }) mayLeave = false;
  /** Whether document and task are those that the recording was made for. */
  @property({ type: Boolean }) sampleDocument = true;
  @property() sampleTask = "";
  /** Why a run did not start. */
  @property() refusal = "";
  @property({ attribute: false }) modelList: ModelList | undefined;
  @property({ attribute: false }) predict: Predict | undefined;
  @state() task = "";
  @state() private kind: SupervisorChoice["kind"] = "recorded";
  @state() private provider: ServerName = "openai";
  @state() private baseURL = infoOf("openai")?.baseURL ?? "";
  @state() private model = "gpt-4o";
  // Only here and in the input: never in storage, in a URL or in a log.
  @state() private key = "";
  @state() private rounds = 3;
  @state() private protocol: Protocol = "minion";
  @state() private hides = false;
  /** Texts that the user wants hidden besides, separated by commas. */
  @state() private names = "";

  protected override willUpdate(): void {
    if (!this.hasUpdated) this.task = this.sampleTask;
  }

  protected override render(): TemplateResult {
    const ownTask = this.task.trim() === this.sampleTask;
    return html`
      <section class="panel" aria-labelledby="question-heading">
        <header>
          <h2 id="question-heading">${says.heading}</h2>
          ${this.kind === "recorded" || this.protocol === "local_only"
            ? html`<span class="where here">${says.sends.nothing}</span>`
            : this.protocol === "remote_only"
              ? html`<span class="where away">${says.sends.all}</span>`
              : html`<span class="where away">${this.mayLeave ? says.sends.maybeDocument : says.sends.question}</span>`}
        </header>
        <form class="fields" @submit=${this.submit} @keydown=${this.shortcut} novalidate>
          <div>
            <label for="task">${says.question}</label>
            <textarea
              id="task"
              rows="2"
              data-testid="task"
              .value=${this.task}
              @input=${(event: InputEvent) => (this.task = (event.target as HTMLTextAreaElement).value)}
            ></textarea>
          </div>
          <fieldset class="supervisors">
            <legend>${says.supervisor}</legend>
            <label class="choice">
              <input
                type="radio"
                name="supervisor"
                data-testid="supervisor-recorded"
                .checked=${this.kind === "recorded"}
                @change=${() => this.supervise("recorded")}
              />
              <span>${says.recorded}</span>
              <span class="hint">${says.recordedHint}</span>
            </label>
            <label class="choice">
              <input
                type="radio"
                name="supervisor"
                data-testid="supervisor-server"
                .checked=${this.kind === "server"}
                @change=${() => this.supervise("server")}
              />
              <span>${says.server}</span>
              <span class="hint">${says.serverHint}</span>
            </label>
          </fieldset>
          ${this.kind === "recorded" ? this.mismatch(ownTask) : nothing}
          ${this.kind === "server" && this.protocol !== "local_only" ? this.server() : nothing}
          ${this.kind === "server" && this.protocol !== "local_only" ? this.privacy() : nothing}
          ${this.picker()}
          <forecasts-view
            .predict=${this.predict}
            .task=${this.task.trim()}
            .supervisor=${this.kind === "recorded" ? RECORDED : this.choice()}
            .protocol=${this.protocol}
          ></forecasts-view>
          ${this.refusal
            ? html`<p class="notice warn" role="alert" data-testid="refusal">${this.refusal}</p>`
            : nothing}
          <div class="row">
            <button
              class="primary"
              type="submit"
              data-testid="run"
              aria-disabled=${this.running ? "true" : "false"}
              aria-keyshortcuts="Control+Enter"
            >
              ${this.running ? says.running : says.run}
            </button>
            <button type="button" class="stop" data-testid="stop" ?hidden=${!this.running} @click=${() => this.send("stop-run")}>${says.stop}</button>
          </div>
        </form>
      </section>
    `;
  }

  private supervise(kind: SupervisorChoice["kind"]): void {
    if (kind === this.kind) return;
    this.kind = kind;
    // A recording is one side of a conversation: there is no other way to play it.
    this.choose(kind === "recorded" ? "minion" : "auto");
  }

  private choose(protocol: Protocol): void {
    this.protocol = protocol;
    if (protocol !== "minion") this.kind = "server";
    this.send<Protocol>("protocol-change", protocol);
    this.send<SupervisorChoice["kind"]>("supervisor-change", this.kind);
  }

  private picker(): TemplateResult {
    return html`<div>
      <label for="protocol">${says.protocol}</label>
      <select
        id="protocol"
        data-testid="protocol"
        aria-describedby="protocol-hint"
        .value=${this.protocol}
        @change=${(event: Event) => this.choose((event.target as HTMLSelectElement).value as Protocol)}
      >
        ${Object.entries(strings.protocols).map(
          ([key, { name }]) => html`<option value=${key} ?selected=${key === this.protocol}>${name}</option>`,
        )}
      </select>
      <p class="hint" id="protocol-hint" data-testid="protocol-hint">
        ${strings.protocols[this.protocol].sentence}
        ${this.kind === "recorded" ? says.recordedProtocol : nothing}
      </p>
    </div>`;
  }

  private privacy(): TemplateResult {
    return html`<div>
      <label class="choice">
        <input
          type="checkbox"
          data-testid="privacy"
          .checked=${this.hides}
          @change=${(event: Event) => (this.hides = (event.target as HTMLInputElement).checked)}
        />
        <span>${says.hide}</span>
        <span class="hint">${says.hideHint}</span>
      </label>
      ${this.hides
        ? field({
            id: "privacy-names",
            label: says.hideAlso,
            placeholder: says.hideAlsoPlaceholder,
            value: this.names,
            input: ({ value }) => (this.names = value),
          })
        : nothing}
    </div>`;
  }

  private mismatch(ownTask: boolean): TemplateResult | typeof nothing {
    const restore = (words: string) =>
      html`<button type="button" class="link" @click=${() => (this.task = this.sampleTask)}>${words}</button>`;
    if (!ownTask) return html`<p class="notice warn" data-testid="recording-mismatch">${says.otherQuestion(restore)}</p>`;
    if (this.sampleDocument) return nothing;
    return html`<p class="notice warn" data-testid="recording-mismatch">${says.otherDocument}</p>`;
  }

  private server(): TemplateResult {
    const hint = reach(this.provider);
    return html`
      <div class="pair">
        <div>
          <label for="provider">${says.provider}</label>
          <select
            id="provider"
            data-testid="provider"
            .value=${this.provider}
            @change=${(event: Event) => this.take((event.target as HTMLSelectElement).value as ServerName)}
          >
            ${SERVERS.map(
              ([group, servers]) => html`<optgroup label=${group}>
                ${servers.map(([key, name]) => html`<option value=${key} ?selected=${key === this.provider}>${name}</option>`)}
              </optgroup>`,
            )}
          </select>
        </div>
        <div>
          ${field({
            id: "base-url",
            label: says.baseURL,
            type: "url",
            describedBy: "base-url-hint",
            value: this.baseURL,
            input: ({ value }) => (this.baseURL = value),
          })}
        </div>
        <p class="hint" id="base-url-hint" data-testid="base-url-hint" ?hidden=${!hint}>${hint}</p>
      </div>
      <div>
        ${field({
          id: "key",
          label: infoOf(this.provider)?.needsKey === false ? says.keyIfWanted : says.key,
          type: "password",
          describedBy: "key-hint",
          value: this.key,
          input: ({ value }) => (this.key = value),
          beside: html`<button type="button" data-testid="forget" ?disabled=${!this.key} @click=${this.forget}>${says.forget}</button>`,
        })}
        <p class="hint" id="key-hint">${says.keyHint}</p>
      </div>
      <div class="pair model">
        <div>
          ${field({
            id: "model",
            label: says.model,
            describedBy: "model-hint",
            list: "models",
            value: this.model,
            input: ({ value }) => (this.model = value),
            beside:
              infoOf(this.provider)?.listsModels === false
                ? nothing
                : html`<button type="button" data-testid="list-models" @click=${() => this.send("list-models", this.choice())}>${says.listModels}</button>`,
          })}
        </div>
        <div>
          ${field({
            id: "rounds",
            label: says.rounds,
            type: "number",
            min: 1,
            max: 10,
            value: String(this.rounds),
            input: ({ valueAsNumber }) => (this.rounds = valueAsNumber),
          })}
        </div>
        ${this.list()}
      </div>
    `;
  }

  /** What the server said of its models, as long as the form is about the same. */
  private list(): TemplateResult {
    const { provider, baseURL } = this.choice();
    const { of } = this.modelList ?? {};
    const told = of?.provider === provider && of.baseURL === baseURL ? this.modelList : undefined;
    const names = told?.state === "told" ? told.names : [];
    return html`
      <datalist id="models">${names.map((name) => html`<option value=${name}></option>`)}</datalist>
      <p class="hint ${told?.state === "failed" ? "bad" : ""}" id="model-hint" role="status" data-testid="model-list">
        ${told?.state === "asked" ? says.asking : nothing}
        ${told?.state === "told" ? says.answers(names.length) : nothing}
        ${told?.state === "failed" ? `${told.failure.title}. ${told.failure.message}` : nothing}
      </p>
    `;
  }

  /** Another provider: what was typed for the last one, its key above all, is not for this one. */
  private take(provider: ServerName): void {
    this.provider = provider;
    this.baseURL = infoOf(provider)?.baseURL ?? "";
    this.model = "";
    this.key = "";
  }

  private choice(): ServerChoice {
    const { provider, baseURL, model, key } = this;
    return { kind: "server", provider, baseURL: baseURL.trim(), model: model.trim(), key: key.trim() };
  }

  private forget(): void {
    this.key = "";
    this.element<HTMLInputElement>("#key").focus();
  }

  private shortcut(event: KeyboardEvent): void {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      this.element<HTMLFormElement>("form").requestSubmit();
    }
  }

  private submit(event: SubmitEvent): void {
    event.preventDefault();
    this.send<Ask>("start-run", this.ask(this.task));
  }

  /** A question on the form's terms. */
  ask(task: string): Ask {
    const { kind, protocol, hides } = this;
    const names = this.names.split(",").map((name) => name.trim()).filter(Boolean);
    return {
      task: task.trim(),
      protocol,
      privacy: hides && kind === "server" ? { names } : null,
      supervisor: kind === "recorded" ? { kind } : this.choice(),
      maxRounds: kind === "recorded" ? 3 : this.rounds,
    };
  }
}
