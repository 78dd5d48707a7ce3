/** What loading a model and only downloading it have in common, on the page's side. */
import type { DownloadController } from "./controller.js";
import { MinionsError } from "./errors.js";
import { Client } from "./rpc.js";
import { absolute } from "./sources.js";
import { startWorker } from "./start.js";
import type { Progress } from "./types.js";
import type { Methods } from "./wire.js";

/** How to fetch a model. */
export interface DownloadOptions {
  /** Told how far loading is. */
  onProgress?: ((progress: Progress) => void) | undefined;
  /** Aborts the loading, not a later waking. What was fetched stays stored, so that the next load goes on from there. */
  signal?: AbortSignal | null | undefined;
  /** Pauses the download and lets it go on. */
  controller?: DownloadController | undefined;
  /**
   * Where files stay for the next time: in the browser's private file system unless set to `"none"`. Where a browser has no
   * such storage, or no room in it, models are loaded all the same and progress says that they are not `stored`.
   */
  cache?: "opfs" | "none" | undefined;
  /** Reads stored files through before they are used, and fetches anew what does not have the digest that it came with. */
  verify?: boolean | undefined;
  /**
   * A worker that runs `minions-web/worker`, where the default way of starting one does not suit a bundler:
   * `new Worker(new URL("minions-web/worker", import.meta.url), { type: "module" })`. It holds one engine at a time and
   * is not terminated by us.
   */
  worker?: Worker | undefined;
  /** Where `minions_web_bg.wasm` is, if not beside the worker's script. */
  wasmUrl?: string | URL | undefined;
}

/** A worker of the app's, or one of ours; and the way to be done with it, which ends ours. `onCrash` says what calls reject with. */
export function openWorker(
  own: Worker | undefined,
  onCrash: (reason: string) => MinionsError,
): { client: Client<Methods>; close: (error: MinionsError) => void } {
  const worker = own ?? startWorker();
  const client = new Client<Methods>(worker, onCrash);
  const close = (error: MinionsError) => {
    client.close(error);
    if (!own) worker.terminate();
  };
  return { client, close };
}

/** Does `work` with a worker that is there for nothing else. `what` is what it does, for whoever hears that it broke. */
export async function onErrand<T>(own: Worker | undefined, what: string, work: (client: Client<Methods>) => Promise<T>): Promise<T> {
  const { client, close } = openWorker(own, (reason) => new MinionsError("internal", `the ${what} broke; start it again: ${reason}`));
  try {
    return await work(client);
  } finally {
    close(new MinionsError("invalid_request", `the ${what} is over`));
  }
}

/** Does `work`, in which a download pauses when `controller` says so. */
export async function pausing<T>(
  client: Client<Methods>,
  controller: DownloadController | undefined,
  work: () => Promise<T>,
): Promise<T> {
  const tell = () => void client.call("pause", { isPaused: controller?.isPaused ?? false }).catch(() => {});
  // Even without a controller: the worker's last download may have been paused.
  tell();
  controller?.addEventListener("change", tell);
  try {
    return await work();
  } finally {
    controller?.removeEventListener("change", tell);
  }
}

export function toWasmUrl({ wasmUrl }: DownloadOptions): string | null {
  return wasmUrl === undefined ? null : absolute(wasmUrl);
}
