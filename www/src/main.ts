import { LitElement, html, type PropertyValues, type TemplateResult } from "lit";
import { customElement, state } from "lit/decorators.js";
import { DownloadController, Engine, estimate, models, type CatalogueEntry, type Outcome, type Progress, type Run, type RunEvent, type Transcript } from "minions-web";
import { toMarkdown } from "./answer.js";
import type { Place } from "./citation.js";
import { begin, breakOff, follow, type Conversation, type Destination } from "./conversation.js";
import { failure, isAbort, type Failure } from "./failure.js";
import { readHistory, writeHistory, type Kept } from "./history.js";
import { keepForOffline } from "./offline.js";
import { autoOptions, start, type Protocol } from "./protocols.js";
import type { Doc } from "./reading.js";
import { RECORD, isOwn, type Aside } from "./samples.js";
import { save } from "./saving.js";
import { fromFragment, only, toFragment, type Settings } from "./settings.js";
import { strings } from "./strings.js";
import { recording, refuseServer, toProvider, type Refusal, type ServerChoice, type SupervisorChoice } from "./supervisors.js";
import { demoWorker, type Choice, type WorkerState } from "./views/model.js";
import type { Predict } from "./views/forecasts.js";
import type { Ask, ModelList, QuestionPanel } from "./views/question.js";
import "./views/document.js";
import "./views/forecasts.js";
import "./views/history.js";
import "./views/jobs.js";
import "./views/ledger.js";
import "./views/model.js";
import "./views/question.js";
import "./views/run.js";
import "./views/settings.js";

keepForOffline();

/** The page: it owns the worker and the run; the panels show them and say what the user wants. */
@customElement("minions-page")
export class MinionsPage extends LitElement {
  @state() private worker: WorkerState = { phase: "loading", name: "demo-worker.gguf", controller: new DownloadController() };
  /** The models of the catalogue that the browser has stored, by their ids. */
  @state() private stored: ReadonlySet<string> = new Set();
  /** What the supervisor's server has. */
  @state() private modelList: ModelList | undefined;
  /** The browser's name for its adapter: it tells the page more than it tells the worker. */
  @state() private gpu = "";
  @state() private documents: readonly Doc[] = [RECORD];
  /** What the user had before a sample or nothing took its place. */
  @state() private aside: Aside | undefined;
  /** As the address has them. */
  @state() private settings: Settings = fromFragment(location.hash) ?? {};
  /** Protocol and supervisor of the next run, as the question's form says. */
  @state() private protocol: Protocol = "minion";
  @state() private supervisor: SupervisorChoice["kind"] = "recorded";
  @state() private conversation: Conversation | undefined;
  /** What was asked and answered before, if the conversation follows up on it. */
  @state() private earlier: readonly Conversation[] = [];
  /** The place in a document that the user wants to see. */
  @state() private place: Place | undefined;
  @state() private refusal: Refusal | undefined;
  /** The run is one object that grows; this says when to look again. */
  @state() private revision = 0;
  @state() private announcement = "";
  /** There is none while the worker is not to be disturbed. It changes with what is predicted from. */
  private predict: Predict | undefined;
  /** The run that the conversation, which sends the documents, is to be held against. */
  @state() private beside: Conversation | undefined;
  /** Nothing, unless the user wants something kept. */
  @state() private history: readonly Kept[] | undefined = readHistory();
  private runs = 0;
  private loading: AbortController | undefined;
  private run: Run<RunEvent, Outcome> | undefined;
  /** The calls that the last run was answered. */
  private transcript: Transcript | undefined;

  protected override createRenderRoot(): this {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.addEventListener("load-model", (event) => void this.load((event as CustomEvent<Choice>).detail));
    this.addEventListener("stop-loading", () => this.stopLoading());
    this.addEventListener("delete-model", (event) => void this.deleteModel((event as CustomEvent<CatalogueEntry>).detail));
    this.addEventListener("list-models", (event) => void this.listModels((event as CustomEvent<ServerChoice>).detail));
    this.addEventListener("documents-change", (event) => (this.documents = (event as CustomEvent<readonly Doc[]>).detail));
    this.addEventListener("protocol-change", (event) => (this.protocol = (event as CustomEvent<Protocol>).detail));
    this.addEventListener("supervisor-change", (event) => (this.supervisor = (event as CustomEvent<SupervisorChoice["kind"]>).detail));
    this.addEventListener("start-run", (event) => void this.start((event as CustomEvent<Ask>).detail));
    this.addEventListener("go-on", () => void this.goOn());
    this.addEventListener("ask-on", (event) => void this.askOn((event as CustomEvent<string>).detail));
    this.addEventListener("take-up", (event) => this.takeUp((event as CustomEvent<Aside>).detail));
    this.addEventListener("show-place", (event) => (this.place = (event as CustomEvent<Place>).detail));
    this.addEventListener("compare", () => void this.compare());
    this.addEventListener("stop-run", () => this.run?.abort());
    this.addEventListener("export-run", () => this.saveTranscript());
    this.addEventListener("export-answer", () => this.saveAnswer());
    this.addEventListener("settings-change", (event) => this.set((event as CustomEvent<Settings>).detail));
    addEventListener("hashchange", () => (this.settings = fromFragment(location.hash) ?? this.settings));
    this.addEventListener("keep-history", (event) => this.keep((event as CustomEvent<boolean>).detail ? [] : undefined));
    this.addEventListener("delete-history", () => this.keep([]));
    void this.load(demoWorker());
    void this.lookForStored();
    void Engine.isSupported().then(({ adapter }) => (this.gpu = adapter));
  }

  protected override willUpdate(changed: PropertyValues): void {
    const isFree = this.worker.phase === "ready" && this.conversation?.state !== "running";
    if (!isFree) this.predict = undefined;
    else if (!this.predict || changed.has("worker") || changed.has("documents") || changed.has("settings")) this.predict = this.predictor();
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
        <h1>${strings.page.title}</h1>
        <p>${strings.page.lead}</p>
      </header>
      <main class="columns">
        <div class="column">
          <model-panel .worker=${this.worker} .gpu=${this.gpu} .busy=${running} .stored=${this.stored}></model-panel>
          <document-panel
            .documents=${this.documents}
            .aside=${this.aside}
            .place=${this.place}
            .leaves=${this.protocol === "remote_only" || this.beside ? "whole" : this.mayLeave ? "maybe" : "never"}
            .contextLength=${this.worker.phase === "ready" ? this.worker.engine.model.contextLength : 0}
          ></document-panel>
        </div>
        <div class="column">
          <question-panel
            .running=${running}
            .mayLeave=${this.mayLeave}
            .sampleTask=${recording.task}
            .sampleDocument=${this.given.length === 1 && this.given[0]?.text === RECORD.text}
            .refusal=${this.refusal?.text ?? ""}
            .modelList=${this.modelList}
            .predict=${this.predict}
          ></question-panel>
          <settings-panel .settings=${this.settings} .protocol=${this.protocol}></settings-panel>
          <run-panel
            .run=${this.conversation}
            .earlier=${this.earlier}
            .beside=${this.beside}
            .obstacle=${this.obstacle()}
            .canGoOn=${!this.beside && this.isAbout(this.conversation)}
            .revision=${this.revision}
            .announcement=${this.announcement}
          ></run-panel>
          <ledger-panel .run=${this.conversation} .revision=${this.revision}></ledger-panel>
          <history-panel .history=${this.history}></history-panel>
        </div>
      </main>
      <footer class="footer">
        <p>${strings.page.footer}</p>
      </footer>
    `;
  }

  private predictor(): Predict | undefined {
    if (this.worker.phase !== "ready") return undefined;
    const { engine } = this.worker;
    const { settings } = this;
    const context = this.given.map(({ text }) => text);
    return (task, supervisor) => {
      // A recording costs nothing, and what has no name has no price.
      const priced = supervisor.kind === "server" && supervisor.model ? toProvider(supervisor) : undefined;
      return estimate({ worker: engine, supervisor: priced, ...autoOptions(settings) }, { task, context });
    };
  }

  /** What the worker is to read: the documents that say anything. */
  private get given(): Doc[] {
    return this.documents.filter(({ text }) => text.trim());
  }

  /** Whether the protocol may choose to send the documents. */
  private get mayLeave(): boolean {
    return this.protocol === "auto" && this.settings.documentsMayLeave === true;
  }

  /** Where the next question is written, with the terms that it is put on. */
  private get form(): QuestionPanel {
    return this.querySelector<QuestionPanel>("question-panel")!;
  }

  /** Puts documents, and a task if there is one, in the place of others; what is the user's own of these can be taken up again. */
  private takeUp({ documents, task }: Aside): void {
    const before = { documents: this.documents, ...(task === undefined ? {} : { task: this.form.task }) };
    this.aside = isOwn(before) ? before : undefined;
    this.documents = documents;
    if (task !== undefined) this.form.task = task;
  }

  /** Loads a model in place of the one there is. */
  private async load(choice: Choice): Promise<void> {
    if (this.run) return;
    this.loading?.abort();
    const loading = (this.loading = new AbortController());
    const { name, source, device, demo } = choice;
    const before = this.worker;
    const controller = new DownloadController();
    this.worker = { phase: "loading", name, controller };
    const started = performance.now();
    try {
      if (before.phase === "ready") await before.engine.unload();
      const engine = await Engine.load(source, {
        ...only(this.settings, "load"),
        device,
        controller,
        signal: loading.signal,
        onProgress: (progress) => {
          if (this.loading !== loading || isBeside(this.worker, progress)) return;
          this.worker = { phase: "loading", name, controller, progress };
        },
      });
      if (this.loading !== loading) return await engine.unload();
      this.worker = { phase: "ready", name, engine, demo, elapsedMs: performance.now() - started };
    } catch (error) {
      if (this.loading === loading && !isAbort(error)) this.worker = { phase: "failed", name, failure: failure(error) };
    }
    await this.lookForStored();
  }

  private stopLoading(): void {
    const { name } = this.worker;
    this.loading?.abort();
    this.loading = undefined;
    this.worker = {
      phase: "failed",
      name,
      failure: { code: "stopped", message: "", ...strings.failures.stopped },
    };
  }

  /** Takes settings, and puts them into the address. */
  private set(settings: Settings): void {
    this.settings = settings;
    history.replaceState(null, "", `${location.pathname}${location.search}${toFragment(settings)}`);
  }

  /** Looks which models of the catalogue the browser has. */
  private async lookForStored(): Promise<void> {
    const there = (await models.cached()).filter(({ complete }) => complete);
    const isThere = ({ repo, file }: CatalogueEntry) => there.some(({ url }) => url.includes(`/${repo}/`) && url.endsWith(`/${file}`));
    this.stored = new Set(models.catalogue.filter(isThere).map(({ id }) => id));
  }

  private async deleteModel(entry: CatalogueEntry): Promise<void> {
    await models.delete(entry).catch(() => {});
    await this.lookForStored();
  }

  /** Asks a server what models it has, which also shows whether it can be reached and takes the key. */
  private async listModels(choice: ServerChoice): Promise<void> {
    const { worker } = this;
    if (worker.phase !== "ready") return void this.refuse({ text: strings.refusals.noWorkerToAsk });
    if (this.refuse(refuseServer(choice))) return;
    const { provider, baseURL } = choice;
    const of = { provider, baseURL };
    this.modelList = { state: "asked", of };
    let list: ModelList;
    try {
      list = { state: "told", of, names: await worker.engine.listModels(toProvider(choice)) };
    } catch (error) {
      list = { state: "failed", of, failure: failure(error) };
    }
    // Meanwhile another server may have been asked.
    if (this.modelList.of === of) this.modelList = list;
  }

  /** The questions that were answered, the last last: the next can follow up on them. */
  private get thread(): Conversation[] {
    return [...this.earlier, ...(this.conversation ? [this.conversation] : [])].filter(({ outcome }) => outcome);
  }

  /** Why the next question cannot follow up on the last; empty if it can. */
  private obstacle(): string {
    const last = this.thread.at(-1);
    if (!last) return "";
    if (this.supervisor === "recorded") return strings.page.recordedCannotGoOn;
    return this.isAbout(last) ? "" : strings.page.otherDocuments;
  }

  /** Whether a run was about the documents that there are. */
  private isAbout(run: Conversation | undefined): boolean {
    return run?.documents.length === this.given.length && run.documents.every(({ text }, at) => text === this.given[at]?.text);
  }

  /** Goes on where the last run was broken off, on the form's terms: what was answered is not asked again. */
  private async goOn(): Promise<void> {
    const { conversation, transcript } = this;
    if (conversation && this.isAbout(conversation)) await this.start(this.form.ask(conversation.task), { thread: this.earlier, transcript });
  }

  /** Puts a question that follows up on the last answer, on the form's terms. */
  private async askOn(task: string): Promise<void> {
    if (!this.obstacle()) await this.start(this.form.ask(task), { thread: this.thread });
  }

  /** Puts the same question to the supervisor with the documents themselves. */
  private async compare(): Promise<void> {
    const { conversation, earlier } = this;
    if (conversation) await this.start({ ...this.form.ask(conversation.task), protocol: "remote_only" }, { thread: earlier, beside: conversation });
  }

  /** Starts a run; `thread` is what it follows up on, `transcript` what it goes on from, `beside` what it is to be held against. */
  private async start(ask: Ask, { thread = [], transcript, beside }: Start = {}): Promise<void> {
    const { task, protocol, supervisor, maxRounds, privacy } = ask;
    if (this.refuse(this.check(ask)) || this.worker.phase !== "ready") return;

    const { engine, name } = this.worker;
    const documents = this.given;
    const conversation = begin({ task, documents, destination: destination(ask), workerName: name, protocol });
    this.earlier = thread;
    this.beside = beside;
    this.conversation = conversation;
    this.runs++;
    this.announcement = strings.page.runStarted;
    this.run = start(protocol, engine, () => toProvider(supervisor), maxRounds, this.settings, {
      ...only(this.settings, "run"),
      task,
      context: documents.map(({ text }) => text),
      history: thread.at(-1)?.outcome?.history,
      transcript,
      privacy,
    });
    this.transcript = this.run.transcript;
    this.revision++;
    void this.showConversation();
    try {
      for await (const event of this.run) {
        this.announcement = follow(conversation, event) ?? this.announcement;
        this.revision++;
      }
      const { answer } = await this.run.result;
      if (answer !== null && this.history) {
        const names = documents.map(({ name }) => name).filter(Boolean);
        this.keep([{ at: Date.now(), task, answer, protocol, documents: names }, ...this.history]);
      }
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

  /** Says what stands in the way, if anything does, and takes the user there. */
  private refuse(refusal: Refusal | undefined): boolean {
    // A refusal that is repeated is said again.
    this.refusal = refusal && { ...refusal };
    if (refusal?.field) this.querySelector<HTMLElement>(refusal.field)?.focus();
    return refusal !== undefined;
  }

  /** What stands in the way of a run, before anything is sent. */
  private check({ task, protocol, supervisor, maxRounds }: Ask): Refusal | undefined {
    const { refusals } = strings;
    if (this.run) return { text: refusals.running };
    if (this.worker.phase === "loading") return { text: refusals.loading };
    if (this.worker.phase === "failed") return { text: refusals.noWorker };
    if (this.given.length === 0) return { text: refusals.noDocument, field: "#document-text" };
    if (!task) return { text: refusals.noQuestion, field: "#task" };
    if (protocol === "local_only") return undefined;
    if (supervisor.kind === "recorded") {
      if (task === recording.task) return undefined;
      return { text: refusals.notRecorded, field: "#task" };
    }
    const refusal = refuseServer(supervisor);
    if (refusal) return refusal;
    if (!supervisor.model) return { text: refusals.noModel, field: "#model" };
    if (!Number.isInteger(maxRounds) || maxRounds < 1 || maxRounds > 10) {
      return { text: refusals.rounds, field: "#rounds" };
    }
    return undefined;
  }

  private ended(conversation: Conversation, error: unknown): void {
    if (isAbort(error)) {
      breakOff(conversation, "stopped");
      this.announcement = strings.page.runStopped;
      return;
    }
    const what = failure(error);
    breakOff(conversation, "failed", what);
    this.announcement = strings.page.runFailed(what.title, what.advice);
    if (what.code === "internal" || what.code === "device_lost") this.worker = lostWorker(this.worker, what);
  }

  /** On a small screen the conversation is below the button that starts it. */
  private async showConversation(): Promise<void> {
    // With the next frame, which lays out what is new in any case.
    await new Promise(requestAnimationFrame);
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

  private keep(history: readonly Kept[] | undefined): void {
    this.history = history;
    writeHistory(history);
  }

  private saveTranscript(): void {
    if (!this.conversation) return;
    const transcript = { ...record(this.conversation), earlier: this.earlier.map(record) };
    save("minions-transcript.json", "application/json", JSON.stringify(transcript, null, 2));
  }

  private saveAnswer(): void {
    if (this.conversation) save("minions-answer.md", "text/markdown", toMarkdown(this.conversation));
  }
}

/** How a run begins, but for what it is asked. */
interface Start {
  thread?: readonly Conversation[];
  transcript?: Transcript | undefined;
  beside?: Conversation;
}

/** A run as its transcript holds it. */
function record(run: Conversation): object {
  const { task, protocol, destination, workerName, state, usage, elapsedMs, events, outcome, failure: what } = run;
  return { task, protocol, supervisor: destination, worker: workerName, state, usage, elapsedMs, outcome, failure: what, events };
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
