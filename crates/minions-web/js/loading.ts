/** What loading a model and only downloading it have in common, on the page's side. */
import type { DownloadController } from "./controller.js";
import { MinionsError } from "./errors.js";
import { Client } from "./rpc.js";
import { startWorker } from "./start.js";
import type { ModelAddress, ModelSource, Progress } from "./types.js";
import type { Methods, WireAddress, WireSource } from "./wire.js";

/** How to fetch a model. */
export interface DownloadOptions {
  /** Told how far loading is. */
  onProgress?: ((progress: Progress) => void) | undefined;
  /** Aborts the loading. What was fetched stays stored, so that the next load goes on from there. */
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

/** A worker that does as the options say, and the way to end it if it is ours. */
export function openWorker(options: DownloadOptions): { client: Client<Methods>; end: () => void } {
  options.signal?.throwIfAborted();
  const worker = options.worker ?? startWorker();
  const end = () => {
    if (!options.worker) worker.terminate();
  };
  return { client: new Client<Methods>(worker, end), end };
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

export async function toWireSource(model: string | ModelSource, options: DownloadOptions): Promise<WireSource> {
  if (typeof model === "string") return toWireAddress({ url: model }, options);
  if ("url" in model) return toWireAddress(model, options);
  if ("files" in model) return { files: model.files };
  const name = model.file instanceof File ? model.file.name : "model.gguf";
  return { files: { [name]: model.file } };
}

export async function toWireAddress(model: ModelAddress, { cache = "opfs", verify = false }: DownloadOptions): Promise<WireAddress> {
  const { url, mirrors = [], sha256 = {}, token } = model;
  // Only a page may ask. Whether the browser agrees, and when, changes nothing here.
  if (cache === "opfs") void globalThis.navigator.storage?.persist?.().catch(() => {});
  return {
    url: absolute(url),
    mirrors: mirrors.map(absolute),
    sha256: typeof sha256 === "string" ? digest(sha256) : digests(sha256),
    token: (typeof token === "function" ? await token() : token) ?? null,
    cache,
    verify,
  };
}

function digests(byName: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(byName).map(([name, text]) => [name, digest(text)]));
}

function digest(text: string): string {
  if (!/^[0-9a-f]{64}$/i.test(text)) throw new MinionsError("invalid_request", "a SHA-256 has 64 hexadecimal digits");
  return text.toLowerCase();
}

/** An address as the worker, which has a base of its own, understands it. */
export function absolute(url: string | URL): string {
  try {
    return new URL(url, globalThis.document?.baseURI ?? globalThis.location.href).href;
  } catch (cause) {
    throw new MinionsError("invalid_request", `"${url}" is not an address`, { cause });
  }
}
