import { html, type TemplateResult } from "lit";
import { customElement, property } from "lit/decorators.js";
import type { Place } from "../citation.js";
import { strings } from "../strings.js";
import { Panel, type PropertyValues } from "./panel.js";

/** What is shown of a long document on each side of the place: more would take long to lay out. */
const MOST_AROUND = 100_000;

/** A document to read, with one place of it marked. */
@customElement("place-view")
export class PlaceView extends Panel {
  @property({ attribute: false }) place!: Place;

  protected override updated(changed: PropertyValues): void {
    if (!changed.has("place")) return;
    const text = this.element<HTMLElement>(".text");
    const mark = this.element<HTMLElement>("mark");
    text.scrollTop = mark.offsetTop - Math.max((text.clientHeight - mark.offsetHeight) / 2, 16);
    mark.focus({ preventScroll: true });
    text.scrollIntoView({ block: "nearest" });
  }

  protected override render(): TemplateResult {
    const { document, start, end } = this.place;
    const { text, name } = document;
    const says = strings.place;
    const from = Math.max(start - MOST_AROUND, 0);
    const to = Math.min(end + MOST_AROUND, text.length);
    return html`
      <div class="place" data-testid="place" @keydown=${this.escape}>
        <div class="text" role="region" tabindex="0" aria-label=${says.label(name || strings.document.unnamed)}>${from > 0 ? "… " : ""}${text.slice(from, start)}<mark tabindex="-1" data-testid="marked">${text.slice(start, end)}</mark>${text.slice(end, to)}${to < text.length ? " …" : ""}</div>
        <div class="row">
          <button type="button" data-testid="place-back" @click=${() => this.send("leave-place", "back")}>${says.back}</button>
          <button type="button" class="link" data-testid="place-edit" @click=${() => this.send("leave-place", "edit")}>${says.edit}</button>
        </div>
      </div>
    `;
  }

  private escape(event: KeyboardEvent): void {
    if (event.key === "Escape") this.send("leave-place", "back");
  }
}
