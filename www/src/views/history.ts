import { html, nothing, type TemplateResult } from "lit";
import { customElement, property } from "lit/decorators.js";
import type { Kept } from "../history.js";
import { strings } from "../strings.js";
import { Panel } from "./panel.js";

const says = strings.history;

/** Earlier questions and answers, if the user wants them kept. */
@customElement("history-panel")
export class HistoryPanel extends Panel {
  /** `undefined` where nothing is to be kept. */
  @property({ attribute: false }) history: readonly Kept[] | undefined;

  protected override render(): TemplateResult {
    const { history } = this;
    return html`
      <section class="panel" aria-labelledby="history-heading">
        <details class="whole" data-testid="history">
          <summary>
            <h2 id="history-heading">${says.heading}</h2>
            <span class="quiet" data-testid="history-state">${history ? says.kept(history.length) : says.nothingKept}</span>
          </summary>
          <div class="fields">
            <label class="choice">
              <input
                type="checkbox"
                data-testid="history-wanted"
                .checked=${history !== undefined}
                @change=${(event: Event) => this.send<boolean>("keep-history", (event.target as HTMLInputElement).checked)}
              />
              <span>${says.keep}</span>
              <span class="hint">${says.keepHint}</span>
            </label>
            ${history?.length ? this.list(history) : nothing}
          </div>
        </details>
      </section>
    `;
  }

  private list(history: readonly Kept[]): TemplateResult {
    return html`
      <ol class="entries">
        ${history.map(
          ({ at, task, answer, documents }) => html`<li data-testid="history-entry">
            <details>
              <summary>
                <span class="to">${task}<span class="quiet">${strings.amounts.date(at)} · ${named(documents)}</span></span>
              </summary>
              <p class="message said">${answer}</p>
            </details>
          </li>`,
        )}
      </ol>
      <div class="row">
        <button type="button" data-testid="history-delete" @click=${() => this.send("delete-history")}>${says.deleteAll}</button>
      </div>
    `;
  }
}

const named = (documents: readonly string[]): string => documents.join(", ") || strings.document.unnamedWithin;
