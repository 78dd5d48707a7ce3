/** Lets the browser keep the page, so that it opens without a network and can be installed: `service-worker/` does it. */
import { trusted } from "./trusted.js";

/** After the page's own files are there, so as not to be in their way. A browser that keeps nothing is none the worse for it. */
export function keepForOffline(): void {
  if (!import.meta.env.PROD || !("serviceWorker" in navigator)) return;
  addEventListener("load", () => {
    navigator.serviceWorker.register(trusted.createScriptURL("./service-worker.js")).catch(() => {});
  });
}
