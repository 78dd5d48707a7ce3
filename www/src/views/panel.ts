import { LitElement, html, type PropertyValues, type TemplateResult } from "lit";
import type { Place } from "../citation.js";
import { strings } from "../strings.js";

/**
 * A part of the page.
 *
 * It renders into the page's own tree rather than a shadow tree, so that one stylesheet serves all (the
 * Content-Security-Policy allows no inline styles), labels and headings connect across parts, and assistive technology
 * sees one document.
 */
export abstract class Panel extends LitElement {
  protected override createRenderRoot(): this {
    return this;
  }

  /** Sends `detail` to the page under a name that ends in the panel's doing. */
  protected send<Detail>(type: string, detail?: Detail): void {
    this.dispatchEvent(new CustomEvent(type, { detail, bubbles: true }));
  }

  /** Words that lead to a place in the documents. */
  protected cite(words: string, place: () => Place | undefined): TemplateResult {
    const show = (event: Event): void => {
      event.preventDefault();
      const wish = place();
      if (wish) this.send<Place>("show-place", { ...wish });
    };
    const title = strings.place.show;
    return html`<a class="cite" href="#document-heading" title=${title} data-testid="cite" @click=${show}>${words}</a>`;
  }

  protected element<T extends Element>(selector: string): T {
    const found = this.querySelector<T>(selector);
    if (!found) throw new Error(`${this.localName} has no ${selector}`);
    return found;
  }
}

export type { PropertyValues };
