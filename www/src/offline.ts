/** Lets the browser keep the page, so that it opens without a network and can be installed: `service-worker/` does it. */

/** The part of Trusted Types that is used here: TypeScript's own library does not declare it. */
interface TrustedTypes {
  createPolicy(name: string, rules: { createScriptURL(): string }): { createScriptURL(url: string): string };
}

const SCRIPT = "./service-worker.js";

/** Vouches for that one script, whatever it is asked. */
const policy = (globalThis as { trustedTypes?: TrustedTypes }).trustedTypes?.createPolicy("minions-offline", { createScriptURL: () => SCRIPT });

/** After the page's own files are there, so as not to be in their way. A browser that keeps nothing is none the worse for it. */
export function keepForOffline(): void {
  if (!import.meta.env.PROD || !("serviceWorker" in navigator)) return;
  addEventListener("load", () => {
    navigator.serviceWorker.register(policy?.createScriptURL(SCRIPT) ?? SCRIPT).catch(() => {});
  });
}
