import { html, nothing, type TemplateResult } from "lit";
import { ifDefined } from "lit/directives/if-defined.js";

export interface Field {
  /** Of the input; tests know it by this, too. */
  id: string;
  label: unknown;
  type?: "text" | "url" | "password" | "number";
  value: string;
  input: (input: HTMLInputElement) => void;
  /** The id of the text that says more about it. */
  describedBy?: string;
  placeholder?: string;
  /** The id of a list of suggestions. */
  list?: string;
  min?: number;
  max?: number;
  /** A button that stands beside it. */
  beside?: TemplateResult | typeof nothing;
}

/** A line of text or a number, with its label. */
export function field({ id, label, type = "text", value, input, describedBy, placeholder, list, min, max, beside }: Field): TemplateResult {
  const control = html`<input
    id=${id}
    type=${type}
    data-testid=${id}
    autocomplete="off"
    spellcheck="false"
    aria-describedby=${ifDefined(describedBy)}
    placeholder=${ifDefined(placeholder)}
    list=${ifDefined(list)}
    min=${ifDefined(min)}
    max=${ifDefined(max)}
    .value=${value}
    @input=${(event: InputEvent) => input(event.target as HTMLInputElement)}
  />`;
  return html`
    <label for=${id}>${label}</label>
    ${beside === undefined || beside === nothing ? control : html`<div class="with-button">${control}${beside}</div>`}
  `;
}
