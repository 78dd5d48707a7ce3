/** What may become markup or the address of a script: the page's one policy of Trusted Types, where a browser has them. */

/** The part that is used here: TypeScript's own library does not declare it. */
interface Policy {
  createHTML(html: string): string;
  createScriptURL(url: string): string;
}

const { trustedTypes } = globalThis as { trustedTypes?: { createPolicy(name: string, rules: Policy): Policy } };

const rules: Policy = {
  /** For templates alone, which are never shown and in which nothing runs. */
  createHTML: (html) => html,
  /** For the page's own files alone. */
  createScriptURL(url) {
    const { href, origin } = new URL(url, location.href);
    if (origin !== location.origin) throw new TypeError(`${origin} is not this page's own`);
    return href;
  },
};

export const trusted = trustedTypes?.createPolicy("minions-page", rules) ?? rules;
