import { html, nothing, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { count, roughTokens } from "../words.js";
import { Panel } from "./panel.js";

/** Larger texts make a text area crawl, and no worker here reads so much. */
const LARGEST_FILE = 5e6;

/** The text that stays here. */
@customElement("document-panel")
export class DocumentPanel extends Panel {
  @property() text = "";
  @property() sample = "";
  /** Whether the protocol chosen sends the document. */
  @property({ type: Boolean }) leaves = false;
  /** The most tokens the worker reads; 0 while unknown. */
  @property({ type: Number }) contextLength = 0;
  @state() private over = false;
  @state() private note = "";
  @state() private problem = "";

  protected override render(): TemplateResult {
    const tokens = roughTokens(this.text);
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
          <h2 id="document-heading"><label for="document-text" class="heading-label">Document</label></h2>
          ${this.leaves
            ? html`<span class="where away">sent whole: remote only</span>`
            : html`<span class="where here">never sent</span>`}
        </header>
        <div>
          <textarea
            id="document-text"
            data-testid="document"
            spellcheck="false"
            placeholder="Paste a text here, or drop a text file."
            aria-describedby="document-size"
            .value=${this.text}
            @input=${(event: InputEvent) => this.change((event.target as HTMLTextAreaElement).value)}
          ></textarea>
          <p class="hint" id="document-size" data-testid="document-size">
            ${count(this.text.length)} characters, about ${count(tokens)} tokens${this.note ? html` · ${this.note}` : nothing}
          </p>
        </div>
        ${tooLong
          ? html`<p class="notice warn" data-testid="document-long">
              The worker reads up to ${count(this.contextLength)} tokens at a time, its reply included: this document may not fit.
            </p>`
          : nothing}
        ${this.problem ? html`<p class="notice error" role="alert" data-testid="document-problem">${this.problem}</p>` : nothing}
        <div class="row">
          <label class="button">
            Open a text file…
            <input
              type="file"
              accept="text/*,.txt,.md,.csv,.json,.log,.xml,.html"
              data-testid="document-file"
              @change=${this.openFile}
            />
          </label>
          ${this.text === this.sample
            ? nothing
            : html`<button type="button" data-testid="document-sample" @click=${() => this.change(this.sample)}>Sample record</button>`}
          <button type="button" data-testid="document-clear" ?disabled=${!this.text} @click=${this.clear}>Clear</button>
        </div>
      </section>
    `;
  }

  private change(text: string, note = ""): void {
    this.note = note;
    this.problem = "";
    this.send("document-change", text);
  }

  private clear(): void {
    this.change("");
    this.element<HTMLTextAreaElement>("textarea").focus();
  }

  private dragOver(event: DragEvent): void {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    this.over = true;
  }

  private drop(event: DragEvent): void {
    this.over = false;
    const file = event.dataTransfer?.files[0];
    if (!file) return;
    event.preventDefault();
    void this.read(file);
  }

  private openFile(event: Event): void {
    const input = event.target as HTMLInputElement;
    const file = input.files?.[0];
    input.value = "";
    if (file) void this.read(file);
  }

  private async read(file: File): Promise<void> {
    if (file.size > LARGEST_FILE) {
      this.problem = `${file.name} is larger than this page reads (${count(LARGEST_FILE / 1e6)} MB).`;
      return;
    }
    try {
      const text = new TextDecoder("utf-8", { fatal: true }).decode(await file.arrayBuffer());
      if (text.includes("\0")) throw new TypeError("not text");
      this.change(text.replace(/\r\n?/g, "\n"), file.name);
    } catch {
      this.problem = `${file.name} is not a plain text file in UTF-8. A PDF or Word file has to be saved as text first.`;
    }
  }
}
