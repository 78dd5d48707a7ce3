import { html, nothing, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { models, type CatalogueEntry, type Device, type DownloadController, type Engine, type ModelSource, type Progress } from "minions-web";
import type { Failure } from "../failure.js";
import { mayConnect } from "../policy.js";
import { strings } from "../strings.js";
import { verdict } from "../verdict.js";
import { field } from "./field.js";
import { Panel } from "./panel.js";

/** What the page knows about its worker. */
export type WorkerState =
  | { phase: "loading"; name: string; controller: DownloadController; progress?: Progress }
  | { phase: "ready"; name: string; engine: Engine; elapsedMs: number; demo: boolean }
  | { phase: "failed"; name: string; failure: Failure };

/** A model to load. */
export interface Choice {
  name: string;
  source: ModelSource | string;
  device: Device;
  demo: boolean;
}

const DEMO_URL = "./models/demo-worker.gguf";
const DEMO_CARD = "./models/demo-worker.md";

export const demoWorker = (device: Device = "auto"): Choice => ({
  name: "demo-worker.gguf",
  source: DEMO_URL,
  device,
  demo: true,
});

const DEVICES: readonly Device[] = ["auto", "gpu", "cpu"];

const says = strings.worker;

/** The local model: what it is, what runs it, and another one instead. */
@customElement("model-panel")
export class ModelPanel extends Panel {
  @property({ attribute: false }) worker!: WorkerState;
  /** The browser's name for the GPU; empty where there is none. */
  @property() gpu = "";
  @property({ type: Boolean }) busy = false;
  /** The models of the catalogue that need not be fetched, by their ids. */
  @property({ attribute: false }) stored: ReadonlySet<string> = new Set();
  @state() private chosen = models.find("qwen3-4b");
  @state() private device: Device = "auto";
  @state() private url = "";
  @state() private urlProblem = "";
  private last: Choice = demoWorker();

  protected override render(): TemplateResult {
    return html`
      <section class="panel" aria-labelledby="worker-heading">
        <header>
          <h2 id="worker-heading">${says.heading}</h2>
          <span class="where here">${says.where}</span>
        </header>
        <div role="status" data-testid="worker-status">${this.status()}</div>
        ${this.worker.phase === "loading" ? this.loading(this.worker) : nothing}
        ${this.worker.phase === "ready" ? this.facts(this.worker) : nothing}
        ${this.worker.phase === "failed"
          ? html`<div class="row">
              <button type="button" data-testid="worker-again" @click=${() => this.load(this.last)}>${says.again}</button>
              ${this.last.demo
                ? nothing
                : html`<button type="button" @click=${() => this.load(demoWorker(this.device))}>${says.loadDemo}</button>`}
            </div>`
          : nothing}
        ${this.other()}
      </section>
    `;
  }

  private status(): TemplateResult {
    const { worker } = this;
    switch (worker.phase) {
      case "loading":
        return html`<p>${inWords(worker.name, worker.progress)}</p>`;
      case "ready": {
        const { adapter } = worker.engine;
        return adapter.kind === "gpu"
          ? html`<p data-testid="worker-ready">${says.readyOnGpu(worker.elapsedMs)}</p>`
          : html`<p data-testid="worker-ready">${says.readyOnCpu(worker.elapsedMs)}</p>
              ${adapter.reason ? html`<p class="quiet" data-testid="cpu-reason">${says.notOnGpu(adapter.reason)}</p>` : nothing}`;
      }
      case "failed":
        return html`<div class="notice error" data-testid="worker-failure" data-code=${worker.failure.code}>
          <p><strong>${worker.failure.title}.</strong> ${worker.failure.advice}</p>
          <p class="quiet">${named(worker.name, worker.failure.message)}</p>
        </div>`;
    }
  }

  private loading({ progress, controller }: Extract<WorkerState, { phase: "loading" }>): TemplateResult {
    const known = progress && "total" in progress && progress.total > 0;
    const isFetching = progress?.phase === "download" && progress.loaded !== progress.total;
    const pause = () => {
      if (controller.isPaused) controller.resume();
      else controller.pause();
      this.requestUpdate();
    };
    return html`
      ${known
        ? html`<progress aria-label=${says.progress} max=${progress.total} .value=${progress.loaded}></progress>`
        : html`<progress aria-label=${says.progress}></progress>`}
      ${isFetching && !progress.stored
        ? html`<p class="quiet">${says.notKept}</p>`
        : nothing}
      <div class="row">
        ${isFetching || controller.isPaused
          ? html`<button type="button" data-testid="pause-loading" @click=${pause}>${controller.isPaused ? says.resume : says.pause}</button>`
          : nothing}
        <button type="button" data-testid="stop-loading" @click=${() => this.send("stop-loading")}>${says.stop}</button>
      </div>
    `;
  }

  private facts(worker: Extract<WorkerState, { phase: "ready" }>): TemplateResult {
    const { model, adapter } = worker.engine;
    return html`
      <dl class="facts">
        <dt>${says.model}</dt>
        <dd data-testid="model-name">${worker.name}</dd>
        <dt>${says.size}</dt>
        <dd>${says.sizeOf(model)}</dd>
        <dt>${says.reads}</dt>
        <dd>${says.readsTokens(model.contextLength)}</dd>
        <dt>${says.runsOn}</dt>
        <dd data-testid="adapter" data-kind=${adapter.kind}>${(adapter.kind === "gpu" && this.gpu) || adapter.name}</dd>
      </dl>
      ${worker.demo ? html`<p class="quiet">${says.demo(model.parameters, DEMO_CARD)}</p>` : nothing}
    `;
  }

  private other(): TemplateResult {
    const blocked = this.busy || this.worker.phase === "loading";
    return html`
      <details>
        <summary>${says.other}</summary>
        <div class="fields">
          <fieldset>
            <legend>${says.device}</legend>
            <div class="row inline-choices">
              ${DEVICES.map(
                (value) => html`<label class="choice">
                  <input
                    type="radio"
                    name="device"
                    value=${value}
                    .checked=${this.device === value}
                    @change=${() => (this.device = value)}
                  />${says.devices[value]}
                </label>`,
              )}
            </div>
          </fieldset>
          ${this.catalogue(blocked)}
          <div>
            <span class="label">${says.file}</span>
            <label class="button">
              ${says.openFile}
              <input type="file" accept=".gguf" data-testid="model-file" ?disabled=${blocked} @change=${this.openFile} />
            </label>
          </div>
          <form @submit=${this.openUrl} novalidate>
            ${field({
              id: "model-url",
              label: says.address,
              type: "url",
              placeholder: says.addressPlaceholder,
              describedBy: "model-url-hint",
              value: this.url,
              input: ({ value }) => (this.url = value),
              beside: html`<button type="submit" ?disabled=${blocked}>${says.load}</button>`,
            })}
            <p class="hint ${this.urlProblem ? "bad" : ""}" id="model-url-hint">
              ${this.urlProblem || says.addressHint}
            </p>
          </form>
          <div class="row">
            <button type="button" data-testid="load-demo" ?disabled=${blocked} @click=${() => this.load(demoWorker(this.device))}>
              ${says.loadDemo}
            </button>
          </div>
        </div>
      </details>
    `;
  }

  private catalogue(blocked: boolean): TemplateResult {
    const { chosen: entry } = this;
    const isStored = this.stored.has(entry.id);
    const { fits, sentence } = verdict(entry, this.gpu !== "" && this.device !== "cpu");
    return html`
      <div>
        <label for="catalogue">${says.catalogue}</label>
        <div class="with-button">
          <select
            id="catalogue"
            data-testid="catalogue"
            aria-describedby="catalogue-facts"
            .value=${entry.id}
            @change=${(event: Event) => (this.chosen = models.find((event.target as HTMLSelectElement).value))}
          >
            ${models.catalogue.map(
              ({ id, name, sizeBytes }) => html`<option value=${id} ?selected=${id === entry.id}>
                ${says.entry(name, sizeBytes, this.stored.has(id))}
              </option>`,
            )}
          </select>
          <button type="button" data-testid="load-catalogue" ?disabled=${blocked} @click=${() => this.loadEntry(entry)}>${says.load}</button>
        </div>
        <div class="hint" id="catalogue-facts" data-testid="catalogue-facts">
          <p>${says.entryFacts(entry, isStored)}</p>
          <p class=${fits ? "" : "bad"} data-testid="verdict">${sentence}</p>
          ${entry.warning ? html`<p>${entry.warning}</p>` : nothing}
          ${isStored
            ? html`<p>
                <button type="button" class="link" data-testid="delete-model" ?disabled=${blocked} @click=${() => this.send("delete-model", entry)}>
                  ${says.deleteEntry}
                </button>
              </p>`
            : nothing}
        </div>
      </div>
    `;
  }

  private loadEntry(entry: CatalogueEntry): void {
    this.load({ name: entry.name, source: entry, device: this.device, demo: false });
  }

  private openFile(event: Event): void {
    const input = event.target as HTMLInputElement;
    const file = input.files?.[0];
    // So that choosing the same file again is a change again.
    input.value = "";
    if (file) this.load({ name: file.name, source: { file }, device: this.device, demo: false });
  }

  private openUrl(event: SubmitEvent): void {
    event.preventDefault();
    const url = this.url.trim() && URL.canParse(this.url, location.href) ? new URL(this.url, location.href) : undefined;
    this.urlProblem = !url ? says.noAddress : mayConnect(url) ? "" : strings.refusals.notListed(url.origin);
    if (!url || this.urlProblem) return;
    const name = decodeURIComponent(url.pathname.split("/").filter(Boolean).at(-1) ?? url.host);
    this.load({ name, source: { url }, device: this.device, demo: false });
  }

  private load(choice: Choice): void {
    this.last = choice;
    this.send("load-model", choice);
  }
}

/** Messages about a file often name it themselves. */
function named(name: string, message: string): string {
  return message.includes(name) ? message : `${name}: ${message}`;
}

function inWords(name: string, progress: Progress | undefined): string {
  const { loading } = strings;
  switch (progress?.phase) {
    case undefined:
      return loading.starting(name);
    case "wait":
      return loading.waiting(progress.file);
    case "caution":
      return loading.caution(name, progress.contextLength);
    case "download":
      return loading.fetching(progress);
    case "upload":
      return loading.uploading(progress.loaded, progress.total);
    case "compile":
      return loading.compiling(progress.loaded, progress.total);
    case "ready":
      return loading.ready;
  }
}
