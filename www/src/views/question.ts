import { html, nothing, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import type { Privacy } from "minions-web";
import { PROTOCOLS, type Protocol } from "../protocols.js";
import { Panel } from "./panel.js";

/** Who supervises, as the form says. */
export type SupervisorChoice =
  | { kind: "recorded" }
  | { kind: "server"; baseURL: string; model: string; key: string };

export interface Ask {
  task: string;
  protocol: Protocol;
  supervisor: SupervisorChoice;
  maxRounds: number;
  privacy: Privacy | null;
}

/** What to find out, and who thinks about it. */
@customElement("question-panel")
export class QuestionPanel extends Panel {
  @property({ type: Boolean }) running = false;
  /** Whether document and task are those that the recording was made for. */
  @property({ type: Boolean }) sampleDocument = true;
  @property() sampleTask = "";
  /** Why a run did not start. */
  @property() refusal = "";
  @state() private task = "";
  @state() private kind: SupervisorChoice["kind"] = "recorded";
  @state() private baseURL = "https://api.openai.com/v1";
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
          <h2 id="question-heading">Question and supervisor</h2>
          ${this.kind === "recorded" || this.protocol === "local_only"
            ? html`<span class="where here">nothing is sent</span>`
            : this.protocol === "remote_only"
              ? html`<span class="where away">question and document are sent</span>`
              : html`<span class="where away">the question is sent</span>`}
        </header>
        <form class="fields" @submit=${this.submit} @keydown=${this.shortcut} novalidate>
          <div>
            <label for="task">Question</label>
            <textarea
              id="task"
              rows="2"
              data-testid="task"
              .value=${this.task}
              @input=${(event: InputEvent) => (this.task = (event.target as HTMLTextAreaElement).value)}
            ></textarea>
          </div>
          <fieldset class="supervisors">
            <legend>Supervisor</legend>
            <label class="choice">
              <input
                type="radio"
                name="supervisor"
                data-testid="supervisor-recorded"
                .checked=${this.kind === "recorded"}
                @change=${() => this.supervise("recorded")}
              />
              <span>Recorded supervisor</span>
              <span class="hint">
                Needs no key. Its words were written beforehand for the sample record; the worker’s replies are live.
              </span>
            </label>
            <label class="choice">
              <input
                type="radio"
                name="supervisor"
                data-testid="supervisor-server"
                .checked=${this.kind === "server"}
                @change=${() => this.supervise("server")}
              />
              <span>OpenAI or a compatible server</span>
              <span class="hint">With your key, asked straight from this page.</span>
            </label>
          </fieldset>
          ${this.kind === "recorded" ? this.mismatch(ownTask) : nothing}
          ${this.kind === "server" && this.protocol !== "local_only" ? this.server() : nothing}
          ${this.kind === "server" && this.protocol !== "local_only" ? this.privacy() : nothing}
          ${this.picker()}
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
              ${this.running ? "Running…" : "Run"}
            </button>
            <button type="button" class="stop" data-testid="stop" ?hidden=${!this.running} @click=${() => this.send("stop-run")}>Stop</button>
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
  }

  private picker(): TemplateResult {
    return html`<div>
      <label for="protocol">Protocol</label>
      <select
        id="protocol"
        data-testid="protocol"
        aria-describedby="protocol-hint"
        .value=${this.protocol}
        @change=${(event: Event) => this.choose((event.target as HTMLSelectElement).value as Protocol)}
      >
        ${Object.entries(PROTOCOLS).map(
          ([key, { name }]) => html`<option value=${key} ?selected=${key === this.protocol}>${name}</option>`,
        )}
      </select>
      <p class="hint" id="protocol-hint" data-testid="protocol-hint">
        ${PROTOCOLS[this.protocol].sentence}
        ${this.kind === "recorded" ? "The recorded supervisor knows only this one; another choice takes a live supervisor." : nothing}
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
        <span>Hide names and identifiers from the cloud</span>
        <span class="hint">Found by rules, not by a model: what the rules miss is sent. The answer has the names again.</span>
      </label>
      ${this.hides
        ? html`<label for="names">Hide these as well</label>
            <input
              id="names"
              type="text"
              data-testid="privacy-names"
              autocomplete="off"
              spellcheck="false"
              placeholder="Names or words, separated by commas"
              .value=${this.names}
              @input=${(event: InputEvent) => (this.names = (event.target as HTMLInputElement).value)}
            />`
        : nothing}
    </div>`;
  }

  private mismatch(ownTask: boolean): TemplateResult | typeof nothing {
    if (!ownTask) {
      return html`<p class="notice warn" data-testid="recording-mismatch">
        The recorded supervisor has only its own question.
        <button type="button" class="link" @click=${() => (this.task = this.sampleTask)}>Restore it</button>, or choose a live
        supervisor.
      </p>`;
    }
    return this.sampleDocument
      ? nothing
      : html`<p class="notice warn" data-testid="recording-mismatch">
          The recorded supervisor’s conclusion was written for the sample record. With this document only the worker’s replies mean
          something.
        </p>`;
  }

  private server(): TemplateResult {
    return html`
      <div class="trio">
        <div>
          <label for="base-url">Base URL</label>
          <input
            id="base-url"
            type="url"
            data-testid="base-url"
            autocomplete="off"
            spellcheck="false"
            .value=${this.baseURL}
            @input=${(event: InputEvent) => (this.baseURL = (event.target as HTMLInputElement).value)}
          />
        </div>
        <div>
          <label for="model">Model</label>
          <input
            id="model"
            type="text"
            data-testid="model"
            autocomplete="off"
            spellcheck="false"
            .value=${this.model}
            @input=${(event: InputEvent) => (this.model = (event.target as HTMLInputElement).value)}
          />
        </div>
        <div>
          <label for="rounds">Rounds</label>
          <input
            id="rounds"
            type="number"
            min="1"
            max="10"
            data-testid="rounds"
            .value=${String(this.rounds)}
            @input=${(event: InputEvent) => (this.rounds = (event.target as HTMLInputElement).valueAsNumber)}
          />
        </div>
      </div>
      <div>
        <label for="key">API key</label>
        <div class="with-button">
          <input
            id="key"
            type="password"
            data-testid="key"
            autocomplete="off"
            spellcheck="false"
            aria-describedby="key-hint"
            .value=${this.key}
            @input=${(event: InputEvent) => (this.key = (event.target as HTMLInputElement).value)}
          />
          <button type="button" data-testid="forget" ?disabled=${!this.key} @click=${this.forget}>Forget</button>
        </div>
        <p class="hint" id="key-hint">Sent to this base URL alone. Kept in this tab’s memory, never stored.</p>
      </div>
    `;
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
    const { kind, baseURL, model, key, protocol, hides } = this;
    const names = this.names.split(",").map((name) => name.trim()).filter(Boolean);
    this.send<Ask>("start-run", {
      task: this.task.trim(),
      protocol,
      privacy: hides && kind === "server" ? { names } : null,
      supervisor:
        kind === "recorded" ? { kind } : { kind, baseURL: baseURL.trim(), model: model.trim(), key: key.trim() },
      maxRounds: kind === "recorded" ? 3 : this.rounds,
    });
  }
}
