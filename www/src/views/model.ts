import { html, nothing, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { models, type CatalogueEntry, type Device, type DownloadController, type Engine, type ModelSource, type Progress } from "minions-web";
import { mayConnect, notListed } from "../policy.js";
import { verdict } from "../verdict.js";
import { bytes, count, duration, parameters, plural, seconds, type Failure } from "../words.js";
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

const DEVICES: [Device, string][] = [
  ["auto", "Automatic"],
  ["gpu", "GPU"],
  ["cpu", "CPU"],
];

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
          <h2 id="worker-heading">Worker</h2>
          <span class="where here">on this device</span>
        </header>
        <div role="status" data-testid="worker-status">${this.status()}</div>
        ${this.worker.phase === "loading" ? this.loading(this.worker) : nothing}
        ${this.worker.phase === "ready" ? this.facts(this.worker) : nothing}
        ${this.worker.phase === "failed"
          ? html`<div class="row">
              <button type="button" data-testid="worker-again" @click=${() => this.load(this.last)}>Try again</button>
              ${this.last.demo
                ? nothing
                : html`<button type="button" @click=${() => this.load(demoWorker(this.device))}>Load the demo worker</button>`}
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
          ? html`<p data-testid="worker-ready">Ready on the GPU, loaded in ${seconds(worker.elapsedMs)}.</p>`
          : html`<p data-testid="worker-ready">Ready on the CPU, loaded in ${seconds(worker.elapsedMs)}.</p>
              ${adapter.reason ? html`<p class="quiet" data-testid="cpu-reason">Not on the GPU: ${adapter.reason}.</p>` : nothing}`;
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
        ? html`<progress aria-label="Loading the worker" max=${progress.total} .value=${progress.loaded}></progress>`
        : html`<progress aria-label="Loading the worker"></progress>`}
      ${isFetching && !progress.stored
        ? html`<p class="quiet">This browser does not keep it: the next visit fetches it again.</p>`
        : nothing}
      <div class="row">
        ${isFetching || controller.isPaused
          ? html`<button type="button" data-testid="pause-loading" @click=${pause}>${controller.isPaused ? "Go on" : "Pause"}</button>`
          : nothing}
        <button type="button" data-testid="stop-loading" @click=${() => this.send("stop-loading")}>Stop loading</button>
      </div>
    `;
  }

  private facts(worker: Extract<WorkerState, { phase: "ready" }>): TemplateResult {
    const { model, adapter } = worker.engine;
    return html`
      <dl class="facts">
        <dt>Model</dt>
        <dd data-testid="model-name">${worker.name}</dd>
        <dt>Size</dt>
        <dd>${parameters(model.parameters)} parameters, ${bytes(model.sizeBytes)}, ${model.quantization}</dd>
        <dt>Reads</dt>
        <dd>up to ${plural(model.contextLength, "token")} at a time</dd>
        <dt>Runs on</dt>
        <dd data-testid="adapter" data-kind=${adapter.kind}>${(adapter.kind === "gpu" && this.gpu) || adapter.name}</dd>
      </dl>
      ${worker.demo
        ? html`<p class="quiet">
            This is a demonstration model: ${parameters(model.parameters)} parameters, trained from nothing on synthetic text. It
            looks up facts stated in short documents and often errs. <a href=${DEMO_CARD}>Model card</a>
          </p>`
        : nothing}
    `;
  }

  private other(): TemplateResult {
    const blocked = this.busy || this.worker.phase === "loading";
    return html`
      <details>
        <summary>Use another model or device</summary>
        <div class="fields">
          <fieldset>
            <legend>Device</legend>
            <div class="row inline-choices">
              ${DEVICES.map(
                ([value, name]) => html`<label class="choice">
                  <input
                    type="radio"
                    name="device"
                    value=${value}
                    .checked=${this.device === value}
                    @change=${() => (this.device = value)}
                  />${name}
                </label>`,
              )}
            </div>
          </fieldset>
          ${this.catalogue(blocked)}
          <div>
            <span class="label">Or a GGUF file on this computer</span>
            <label class="button">
              Open a file…
              <input type="file" accept=".gguf" data-testid="model-file" ?disabled=${blocked} @change=${this.openFile} />
            </label>
          </div>
          <form @submit=${this.openUrl} novalidate>
            ${field({
              id: "model-url",
              label: "Or the address of one",
              type: "url",
              placeholder: "https://…/model.gguf",
              describedBy: "model-url-hint",
              value: this.url,
              input: ({ value }) => (this.url = value),
              beside: html`<button type="submit" ?disabled=${blocked}>Load</button>`,
            })}
            <p class="hint ${this.urlProblem ? "bad" : ""}" id="model-url-hint">
              ${this.urlProblem || "Llama, Mistral, Qwen, SmolLM, Gemma, Phi or Granite, in any of GGUF’s usual formats. The server must allow other sites to read it."}
            </p>
          </form>
          <div class="row">
            <button type="button" data-testid="load-demo" ?disabled=${blocked} @click=${() => this.load(demoWorker(this.device))}>
              Load the demo worker
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
        <label for="catalogue">A model of Hugging Face’s hub</label>
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
                ${name}, ${bytes(sizeBytes)}${this.stored.has(id) ? " (stored here)" : ""}
              </option>`,
            )}
          </select>
          <button type="button" data-testid="load-catalogue" ?disabled=${blocked} @click=${() => this.loadEntry(entry)}>Load</button>
        </div>
        <div class="hint" id="catalogue-facts" data-testid="catalogue-facts">
          <p>
            ${parameters(entry.parameters)} parameters, ${entry.quantization}, ${entry.licence};
            ${isStored ? "stored in this browser" : `${bytes(entry.sizeBytes)} to fetch, once`}.
          </p>
          <p class=${fits ? "" : "bad"} data-testid="verdict">${sentence}</p>
          ${entry.warning ? html`<p>${entry.warning}</p>` : nothing}
          ${isStored
            ? html`<p>
                <button type="button" class="link" data-testid="delete-model" ?disabled=${blocked} @click=${() => this.send("delete-model", entry)}>
                  Delete it from this browser
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
    this.urlProblem = !url ? "This is not an address." : mayConnect(url) ? "" : notListed(url);
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
  switch (progress?.phase) {
    case undefined:
      return `Starting the engine for ${name}…`;
    case "wait":
      return `Another tab is fetching ${progress.file}; waiting for it…`;
    case "caution":
      return `The last attempt to load ${name} ended with its page; trying with room for ${count(progress.contextLength)} tokens…`;
    case "download": {
      const { file, loaded, total, bytesPerSecond, secondsLeft } = progress;
      const share = total > 0 ? `${bytes(loaded)} of ${bytes(total)}` : bytes(loaded);
      const rate = bytesPerSecond > 0 && loaded < total ? `, ${bytes(bytesPerSecond)} a second` : "";
      const left = secondsLeft ? `, ${duration(secondsLeft)} left` : "";
      return `Fetching ${file}: ${share}${rate}${left}`;
    }
    case "upload":
      return `Handing over the weights: ${bytes(progress.loaded)} of ${bytes(progress.total)}`;
    case "compile":
      return `Preparing the kernels: ${count(progress.loaded)} of ${count(progress.total)}`;
    case "ready":
      return "Almost ready…";
  }
}
