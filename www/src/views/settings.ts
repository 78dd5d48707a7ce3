import { html, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import type { Protocol } from "../protocols.js";
import { KNOBS, read, withValue, type Key, type Knob, type Settings } from "../settings.js";
import { strings } from "../strings.js";
import { field } from "./field.js";
import { Panel } from "./panel.js";

const says = strings.settings;

/** What can be set of the protocol that is chosen, and of loading a model. */
@customElement("settings-panel")
export class SettingsPanel extends Panel {
  @property({ attribute: false }) settings: Settings = {};
  @property() protocol: Protocol = "minion";
  /** What was typed that is not possible. */
  @state() private wrong: ReadonlyMap<Key, string> = new Map();

  protected override render(): TemplateResult {
    const changed = Object.keys(this.settings).length;
    const { protocol } = this;
    const ofRun = KNOBS.filter(({ of }) => (protocol === "auto" ? !of.includes("load") : of.some((each) => each === protocol || each === "run")));
    return html`
      <section class="panel" aria-labelledby="settings-heading">
        <details class="whole" data-testid="settings">
          <summary>
            <h2 id="settings-heading">${says.heading}</h2>
            <span class="quiet" data-testid="settings-changed">${changed ? says.changed(changed) : says.unchanged}</span>
          </summary>
          <div class="fields">
            ${protocol === "remote_only"
              ? html`<p class="quiet">${says.noneForRemoteOnly}</p>`
              : html`<fieldset class="knobs">
                  <legend>${says.ofRuns}</legend>
                  ${ofRun.map((knob) => this.knob(knob))}
                </fieldset>`}
            <fieldset class="knobs">
              <legend>${says.ofLoading}</legend>
              ${KNOBS.filter(({ of }) => of.includes("load")).map((knob) => this.knob(knob))}
            </fieldset>
            <div class="row">
              <button type="button" data-testid="settings-reset" ?disabled=${!changed && !this.wrong.size} @click=${this.reset}>${says.reset}</button>
            </div>
            <p class="hint">${says.hint}</p>
          </div>
        </details>
      </section>
    `;
  }

  private knob(knob: Knob): TemplateResult {
    const { key, label, hint } = knob;
    const value = this.settings[key];
    const id = `setting-${key}`;
    if (knob.kind === "switch") {
      return html`<label class="choice">
        <input
          type="checkbox"
          data-testid=${id}
          .checked=${value === true}
          @change=${(event: Event) => this.set(knob, (event.target as HTMLInputElement).checked ? "true" : "")}
        />
        <span>${label}</span>
        <span class="hint">${hint}</span>
      </label>`;
    }
    if (knob.kind === "choice") {
      return html`<div>
        <label for=${id}>${label}</label>
        <select
          id=${id}
          data-testid=${id}
          aria-describedby="${id}-hint"
          .value=${String(value ?? "")}
          @change=${(event: Event) => this.set(knob, (event.target as HTMLSelectElement).value)}
        >
          <option value="" ?selected=${value === undefined}>${knob.unset}</option>
          ${Object.entries(knob.choices).map(
            ([each, name]) => html`<option value=${each} ?selected=${each === value}>${name}</option>`,
          )}
        </select>
        <p class="hint" id="${id}-hint">${hint}</p>
      </div>`;
    }
    const wrong = this.wrong.get(key);
    return html`<div>
      ${field({
        id,
        label,
        type: "number",
        min: knob.min,
        max: knob.max,
        placeholder: knob.unset,
        describedBy: `${id}-hint`,
        value: wrong ?? String(value ?? ""),
        input: (input) => this.set(knob, input.validity.badInput ? "?" : input.value),
      })}
      <p class="hint ${wrong === undefined ? "" : "bad"}" id="${id}-hint">
        ${wrong === undefined ? hint : says.wrong(knob.min, knob.max)}
      </p>
    </div>`;
  }

  private set(knob: Knob, text: string): void {
    const value = read(knob, text);
    const wrong = new Map(this.wrong);
    if (text === "" || value !== undefined) wrong.delete(knob.key);
    else wrong.set(knob.key, text);
    this.wrong = wrong;
    this.send<Settings>("settings-change", withValue(this.settings, knob.key, value));
  }

  private reset(): void {
    this.wrong = new Map();
    this.send<Settings>("settings-change", {});
  }
}
