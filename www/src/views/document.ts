import { html, nothing, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import type { Place } from "../citation.js";
import { Unreadable, readDoc, type Doc } from "../reading.js";
import { SAMPLES, isSample, type Aside, type Sample } from "../samples.js";
import { roughTokens } from "../sizes.js";
import { strings } from "../strings.js";
import { Panel, type PropertyValues } from "./panel.js";
import "./place.js";

const says = strings.document;

/** The texts that stay here. */
@customElement("document-panel")
export class DocumentPanel extends Panel {
  /** One at least, which may be empty. */
  @property({ attribute: false }) documents: readonly Doc[] = [];
  /** What the user can take up again. */
  @property({ attribute: false }) aside: Aside | undefined;
  /** Whether the protocol chosen sends the documents. */
  @property() leaves: "never" | "maybe" | "whole" = "never";
  /** The most tokens the worker reads; 0 while unknown. */
  @property({ type: Number }) contextLength = 0;
  /** What the user wants to see; each wish is a new object. */
  @property({ attribute: false }) place: Place | undefined;
  @state() private over = false;
  @state() private shown = 0;
  @state() private problems: string[] = [];
  /** The file that is being read, and how much of it is. */
  @state() private reading: { name: string; done: number; total: number } | undefined;
  /** The place that is shown instead of the text to edit. */
  @state() private open: Place | undefined;
  private stopReading: AbortController | undefined;
  /** Where the user came from to see it. */
  private cameFrom: HTMLElement | undefined;

  protected override willUpdate(changed: PropertyValues): void {
    if (!changed.has("place") || !this.place) return;
    this.open = this.place;
    const { activeElement } = document;
    if (activeElement instanceof HTMLElement && !this.contains(activeElement)) this.cameFrom = activeElement;
    const at = this.documents.findIndex(({ text }) => text === this.place?.document.text);
    if (at >= 0) this.shown = at;
  }

  protected override render(): TemplateResult {
    const { documents } = this;
    const at = Math.min(this.shown, documents.length - 1);
    const shown = documents[at]!;
    const characters = documents.reduce((sum, { text }) => sum + text.length, 0);
    const tokens = documents.reduce((sum, { text }) => sum + roughTokens(text), 0);
    const tooLong = this.contextLength > 0 && tokens > this.contextLength * 0.85;
    return html`
      <section
        class="panel document ${this.over ? "over" : ""}"
        aria-labelledby="document-heading"
        @dragover=${this.dragOver}
        @dragleave=${() => (this.over = false)}
        @drop=${this.drop}
      >
        <header>
          <h2 id="document-heading">
            <label for="document-text" class="heading-label">${documents.length > 1 ? says.headings : says.heading}</label>
          </h2>
          <span class="where ${this.leaves === "never" ? "here" : "away"}">${says.leaves[this.leaves]}</span>
        </header>
        ${documents.length > 1
          ? html`<ul class="tabs" aria-label=${says.headings}>
              ${documents.map((document, index) => this.tab(document, index, index === at))}
            </ul>`
          : nothing}
        ${this.open ? html`<place-view .place=${this.open} @leave-place=${this.leave}></place-view>` : nothing}
        <div ?hidden=${this.open !== undefined}>
          <textarea
            id="document-text"
            data-testid="document"
            spellcheck="false"
            placeholder=${says.placeholder}
            aria-describedby="document-size"
            .value=${shown.text}
            @input=${(event: InputEvent) => this.edit(at, (event.target as HTMLTextAreaElement).value)}
          ></textarea>
          <p class="hint" id="document-size" data-testid="document-size">
            ${says.size(characters, tokens, documents.length)}${documents.length === 1 && shown.name && !isSample(shown)
              ? ` · ${shown.name}`
              : nothing}
          </p>
        </div>
        ${shown.remark ? html`<p class="notice warn" data-testid="document-remark">${shown.remark}</p>` : nothing}
        <p class="hidden-text" role="status">${this.reading ? says.reading(this.reading.name) : nothing}</p>
        ${this.reading ? this.progress(this.reading) : nothing}
        ${tooLong
          ? html`<p class="notice warn" data-testid="document-long">${says.tooLong(this.contextLength)}</p>`
          : nothing}
        ${this.aside
          ? html`<p class="notice" data-testid="document-aside">
              ${says.aside}
              <button type="button" class="link" @click=${() => this.takeUp(this.aside!)}>${says.takeUp}</button>
            </p>`
          : nothing}
        ${this.problems.length
          ? html`<div class="notice error" role="alert" data-testid="document-problem">${this.problems.map((text) => html`<p>${text}</p>`)}</div>`
          : nothing}
        <div class="row">
          <label class="button">
            ${says.openFiles}
            <input
              type="file"
              multiple
              accept="text/*,.pdf,.txt,.md,.csv,.tsv,.json,.log,.xml,.html,.htm,.tex,.rs,.py,.js,.ts,.java,.c,.h,.cpp,.go,.sql,.yaml,.toml"
              data-testid="document-file"
              @change=${this.openFiles}
            />
          </label>
          <button type="button" data-testid="document-clear" ?disabled=${!characters} @click=${this.clear}>${says.clear}</button>
        </div>
        <details class="samples" data-testid="samples">
          <summary>${says.samples}</summary>
          <ul>
            ${SAMPLES.map(
              (sample) => html`<li>
                <button type="button" class="link" data-testid="sample" @click=${() => this.choose(sample)}>${sample.name}</button>
                <p class="hint">${sample.task}</p>
              </li>`,
            )}
          </ul>
        </details>
      </section>
    `;
  }

  private progress({ name, done, total }: { name: string; done: number; total: number }): TemplateResult {
    return html`<div data-testid="document-reading">
      <p class="hint">
        ${says.reading(name)}
        <button type="button" class="link" data-testid="stop-reading" @click=${() => this.stopReading?.abort()}>${says.stopReading}</button>
      </p>
      ${total > 1 ? html`<progress aria-label=${says.pagesRead} max=${total} .value=${done}></progress>` : nothing}
    </div>`;
  }

  private tab({ name }: Doc, index: number, isShown: boolean): TemplateResult {
    const called = name || says.unnamed;
    return html`<li>
      <button type="button" data-testid="document-tab" aria-pressed=${isShown ? "true" : "false"} @click=${() => this.show(index)}>${called}</button>
      <button type="button" class="link" aria-label=${says.remove(called)} @click=${() => this.takeAway(index)}>×</button>
    </li>`;
  }

  private show(index: number): void {
    this.shown = index;
    this.open = undefined;
  }

  /** Back to the citation, or on to the same place in the text to edit. */
  private async leave({ detail: to }: CustomEvent<"back" | "edit">): Promise<void> {
    const { open } = this;
    this.open = undefined;
    await this.updateComplete;
    if (to === "back") return this.cameFrom?.focus();
    const text = this.element<HTMLTextAreaElement>("#document-text");
    if (open && text.value === open.document.text) text.setSelectionRange(open.start, open.end);
    text.focus();
  }

  private change(documents: readonly Doc[]): void {
    this.problems = [];
    this.open = undefined;
    this.send("documents-change", documents);
  }

  private edit(index: number, text: string): void {
    this.change(this.documents.map((document, at) => (at === index ? { ...document, text } : document)));
  }

  private takeAway(index: number): void {
    this.takeUp({ documents: this.documents.filter((_, at) => at !== index) });
  }

  private takeUp(what: Aside): void {
    this.shown = 0;
    this.problems = [];
    this.open = undefined;
    this.send<Aside>("take-up", what);
  }

  private async choose(sample: Sample): Promise<void> {
    this.element<HTMLDetailsElement>(".samples").open = false;
    this.element<HTMLElement>(".samples > summary").focus();
    const documents = await sample.load().catch(() => undefined);
    if (documents) this.takeUp({ documents, task: sample.task });
    else this.problems = [says.sampleFailed];
  }

  private clear(): void {
    this.takeUp({ documents: [{ name: "", text: "" }] });
    this.element<HTMLTextAreaElement>("textarea").focus();
  }

  private dragOver(event: DragEvent): void {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    this.over = true;
  }

  private drop(event: DragEvent): void {
    this.over = false;
    const files = [...(event.dataTransfer?.files ?? [])];
    if (files.length === 0) return;
    event.preventDefault();
    void this.read(files);
  }

  private openFiles(event: Event): void {
    const input = event.target as HTMLInputElement;
    const files = [...(input.files ?? [])];
    input.value = "";
    void this.read(files);
  }

  /** Adds what the files say; samples, and what is empty, make room for it. */
  private async read(files: File[]): Promise<void> {
    const read: Doc[] = [];
    const problems: string[] = [];
    for (const file of files) {
      const { name } = file;
      const { signal } = (this.stopReading = new AbortController());
      try {
        this.reading = { name, done: 0, total: 0 };
        read.push(await readDoc(file, { signal, onPage: (done, total) => (this.reading = { name, done, total }) }));
      } catch (error) {
        if (!(error instanceof Unreadable)) throw error;
        problems.push(error.message);
      }
    }
    this.reading = undefined;
    if (read.length > 0) {
      const kept = this.documents.filter((document) => document.text.trim() && !isSample(document));
      this.shown = kept.length;
      this.change([...kept, ...read]);
    }
    this.problems = problems;
  }
}
