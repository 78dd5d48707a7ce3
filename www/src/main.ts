import { LitElement, html, type TemplateResult } from "lit";
import { customElement, state } from "lit/decorators.js";
import { Engine, openaiCompatible, recorded, type Provider, type Run } from "minions-web";
import type { RunEvent, Outcome, Progress } from "minions-web";
import recording from "../../crates/minions-providers/recordings/patient-record.json";
import sampleRecord from "../samples/patient-record.txt?raw";
import { begin, breakOff, follow, type Conversation, type Destination } from "./conversation.js";
import { mayConnect, notListed } from "./policy.js";
import { start, type Protocol } from "./protocols.js";
import { demoWorker, type Choice, type WorkerState } from "./views/model.js";
import type { Ask, SupervisorChoice } from "./views/question.js";
import { failure, isAbort, type Failure } from "./words.js";
import "./views/document.js";
import "./views/jobs.js";
import "./views/ledger.js";
import "./views/model.js";
import "./views/question.js";
import "./views/run.js";

const LOCAL_HOSTS = ["127.0.0.1", "localhost"];

/** A refusal of the page's own, with the field that it is about. */
interface Refusal {
  text: string;
  field?: string;
}

/** The page: it owns the worker and the run; the panels show them and say what the user wants. */
@customElement("minions-page")
export class MinionsPage extends LitElement {
  @state() private worker: WorkerState = { phase: "loading", name: "demo-worker.gguf" };
  /** The browser's name for its adapter: it tells the page more than it tells the worker. */
  @state() private gpu = "";
  @state() private text = sampleRecord;
  /** The protocol of the next run, as the question's form says. */
  @state() private protocol: Protocol = "minion";
  @state() private conversation: Conversation | undefined;
  @state() private refusal: Refusal | undefined;
  /** The run is one object that grows; this says when to look again. */
  @state() private revision = 0;
  @state() private announcement = "";
  private runs = 0;
  private loading: AbortController | undefined;
  private run: Run<RunEvent, Outcome> | undefined;

  protected override createRenderRoot(): this {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.addEventListener("load-model", (event) => void this.load((event as CustomEvent<Choice>).detail));
    this.addEventListener("document-change", (event) => (this.text = (event as CustomEvent<string>).detail));
    this.addEventListener("protocol-change", (event) => (this.protocol = (event as CustomEvent<Protocol>).detail));
    this.addEventListener("start-run", (event) => void this.start((event as CustomEvent<Ask>).detail));
    this.addEventListener("stop-run", () => this.run?.abort());
    this.addEventListener("export-run", () => this.save());
    void this.load(demoWorker());
    void Engine.isSupported().then(({ adapter }) => (this.gpu = adapter));
  }

  protected override updated(): void {
    // For tests and scripts: what the page is doing, and in which run.
    document.body.dataset.runs = String(this.runs);
    document.body.dataset.worker = this.worker.phase;
    document.body.dataset.run = this.conversation?.state ?? "idle";
  }

  protected override render(): TemplateResult {
    const running = this.conversation?.state === "running";
    return html`
      <header class="masthead">
        <h1>Minions in the browser</h1>
        <p>
          A small model <span class="here">on this device</span> reads your document. A large model
          <span class="away">in the cloud</span> thinks. You see every word that passes between them.
        </p>
      </header>
      <main class="columns">
        <div class="column">
          <model-panel .worker=${this.worker} .gpu=${this.gpu} .busy=${running}></model-panel>
          <document-panel
            .text=${this.text}
            .sample=${sampleRecord}
            .leaves=${this.protocol === "remote_only"}
            .contextLength=${this.worker.phase === "ready" ? this.worker.engine.model.contextLength : 0}
          ></document-panel>
        </div>
        <div class="column">
          <question-panel
            .running=${running}
            .sampleTask=${recording.task}
            .sampleDocument=${this.text === sampleRecord}
            .refusal=${this.refusal?.text ?? ""}
          ></question-panel>
          <run-panel .run=${this.conversation} .revision=${this.revision} .announcement=${this.announcement}></run-panel>
          <ledger-panel .run=${this.conversation} .revision=${this.revision}></ledger-panel>
        </div>
      </main>
      <footer class="footer">
        <p>
          No account, no analytics, no third-party code. What the worker says can be wrong: check it against the document before you
          rely on it.
        </p>
      </footer>
    `;
  }

  /** Loads a model in place of the one there is. */
  private async load(choice: Choice): Promise<void> {
    if (this.run) return;
    this.loading?.abort();
    const loading = (this.loading = new AbortController());
    const { name, source, device, demo } = choice;
    const before = this.worker;
    this.worker = { phase: "loading", name };
    const started = performance.now();
    try {
      if (before.phase === "ready") await before.engine.unload();
      const engine = await Engine.load(source, {
        device,
        signal: loading.signal,
        onProgress: (progress) => {
          if (this.loading === loading && !isBeside(this.worker, progress)) this.worker = { phase: "loading", name, progress };
        },
      });
      if (this.loading !== loading) return await engine.unload();
      this.worker = { phase: "ready", name, engine, demo, elapsedMs: performance.now() - started };
    } catch (error) {
      if (this.loading === loading && !isAbort(error)) this.worker = { phase: "failed", name, failure: failure(error) };
    }
  }

  private async start(ask: Ask): Promise<void> {
    const { task, protocol, supervisor, maxRounds, privacy } = ask;
    const refusal = this.check(ask);
    // A refusal that is repeated is said again.
    this.refusal = refusal && { ...refusal };
    if (refusal?.field) this.querySelector<HTMLElement>(refusal.field)?.focus();
    if (refusal || this.worker.phase !== "ready") return;

    const { engine, name } = this.worker;
    const conversation = begin({ task, document: this.text, destination: destination(ask), workerName: name, protocol });
    this.conversation = conversation;
    this.runs++;
    this.announcement = "The run has started.";
    this.run = start(protocol, engine, () => provider(supervisor), maxRounds, { task, context: [this.text], privacy });
    this.revision++;
    await this.showConversation();
    try {
      for await (const event of this.run) {
        this.announcement = follow(conversation, event) ?? this.announcement;
        this.revision++;
      }
      await this.run.result;
    } catch (error) {
      this.ended(conversation, error);
    } finally {
      this.run = undefined;
      this.refusal = undefined;
      conversation.elapsedMs = performance.now() - conversation.startedAt;
      this.revision++;
      await this.focusOutcome(conversation);
    }
  }

  /** What stands in the way of a run, before anything is sent. */
  private check({ task, protocol, supervisor, maxRounds }: Ask): Refusal | undefined {
    if (this.run) return { text: "A run is in progress. Wait for it to end, or stop it." };
    if (this.worker.phase === "loading") return { text: "The worker is still loading." };
    if (this.worker.phase === "failed") return { text: "There is no worker. Load a model first." };
    if (!this.text.trim()) return { text: "The document is empty. Paste a text or open a file.", field: "#document-text" };
    if (!task) return { text: "There is no question. Write what you want to know.", field: "#task" };
    if (protocol === "local_only") return undefined;
    if (supervisor.kind === "recorded") {
      if (task === recording.task) return undefined;
      return { text: "The recorded supervisor has only its own question. Restore it, or choose a live supervisor.", field: "#task" };
    }
    const url = URL.canParse(supervisor.baseURL) ? new URL(supervisor.baseURL) : undefined;
    if (!url || !/^https?:$/.test(url.protocol)) {
      return { text: "The base URL is not an address such as https://api.openai.com/v1.", field: "#base-url" };
    }
    const local = LOCAL_HOSTS.includes(url.hostname);
    if (url.protocol === "http:" && !local) {
      return { text: "The base URL must begin with https:. Only servers on this computer may be asked over http:.", field: "#base-url" };
    }
    if (!mayConnect(url)) return { text: notListed(url), field: "#base-url" };
    if (!supervisor.model) return { text: "Name the supervisor’s model.", field: "#model" };
    if (!supervisor.key && !local) {
      return { text: "There is no API key. Enter yours, or choose the recorded supervisor.", field: "#key" };
    }
    if (!Number.isInteger(maxRounds) || maxRounds < 1 || maxRounds > 10) {
      return { text: "Allow between 1 and 10 rounds.", field: "#rounds" };
    }
    return undefined;
  }

  private ended(conversation: Conversation, error: unknown): void {
    if (isAbort(error)) {
      breakOff(conversation, "stopped");
      this.announcement = "The run was stopped.";
      return;
    }
    const what = failure(error);
    breakOff(conversation, "failed", what);
    this.announcement = `The run failed. ${what.title}. ${what.advice}`;
    if (what.code === "internal" || what.code === "device_lost") this.worker = lostWorker(this.worker, what);
  }

  /** On a small screen the conversation is below the button that starts it. */
  private async showConversation(): Promise<void> {
    await this.updateComplete;
    const behavior = matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth";
    this.querySelector("run-panel")?.scrollIntoView({ block: "nearest", behavior });
  }

  /** The Stop button is gone now: whoever was on it goes on at the outcome. */
  private async focusOutcome(conversation: Conversation): Promise<void> {
    await this.updateComplete;
    await this.querySelector<LitElement>("run-panel")?.updateComplete;
    const focused = document.activeElement;
    if (focused && focused !== document.body && !focused.matches(".stop")) return;
    const target = conversation.state === "answered" ? "#answer-heading" : "#conversation";
    this.querySelector<HTMLElement>(target)?.focus({ preventScroll: conversation.state !== "answered" });
  }

  private save(): void {
    const run = this.conversation;
    if (!run) return;
    const { task, protocol, destination, workerName, state, usage, elapsedMs, events, outcome, failure: what } = run;
    const record = { task, protocol, supervisor: destination, worker: workerName, state, usage, elapsedMs, outcome, failure: what, events };
    const url = URL.createObjectURL(new Blob([JSON.stringify(record, null, 2)], { type: "application/json" }));
    const link = document.createElement("a");
    link.href = url;
    link.download = "minions-transcript.json";
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  }
}

function provider(supervisor: SupervisorChoice): Provider {
  if (supervisor.kind === "recorded") return recorded(recording);
  return openaiCompatible({ baseURL: supervisor.baseURL, model: supervisor.model, apiKey: supervisor.key });
}

function destination({ protocol, supervisor }: Ask): Destination {
  if (protocol === "local_only") return { kind: "nowhere" };
  return supervisor.kind === "recorded"
    ? { kind: "recording" }
    : { kind: "server", host: new URL(supervisor.baseURL).host, model: supervisor.model };
}

/** Whether progress is made beside a download: that is what takes long, and what the bar shows as long as it lasts. */
function isBeside(worker: WorkerState, { phase }: Progress): boolean {
  const shown = worker.phase === "loading" ? worker.progress : undefined;
  return shown?.phase === "download" && shown.loaded < shown.total && phase !== "download";
}

function lostWorker(worker: WorkerState, what: Failure): WorkerState {
  return { phase: "failed", name: worker.name, failure: what };
}
