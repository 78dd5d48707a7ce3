import { LitElement, type PropertyValues } from "lit";

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

  protected element<T extends Element>(selector: string): T {
    const found = this.querySelector<T>(selector);
    if (!found) throw new Error(`${this.localName} has no ${selector}`);
    return found;
  }
}

export type { PropertyValues };
