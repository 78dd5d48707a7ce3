/** What the ways to name a model mean. Checked at once; tokens and folders are asked for each time the model is loaded. */
import { MinionsError } from "./errors.js";
import type { DownloadOptions } from "./loading.js";
import type { HubModel, ModelAddress, ModelSource } from "./types.js";
import type { WireAddress, WireSource } from "./wire.js";

const HUB = "https://huggingface.co";

/** A model that can be fetched. */
export type RemoteModel = ModelAddress | HubModel;

/** The files of a model, or where they are, each time it is loaded. */
export function toWireSource(model: string | ModelSource, options: DownloadOptions): () => Promise<WireSource> {
  if (typeof model === "string" || "url" in model || "repo" in model) return toWireAddress(model, options);
  if ("folder" in model) return async () => ({ files: await filesOf(model.folder) });
  const files = "files" in model ? byName(model.files) : { [nameOf(model.file)]: model.file };
  return async () => ({ files });
}

/** Where a model is, each time it is fetched. */
export function toWireAddress(
  model: string | RemoteModel,
  { cache = "opfs", verify = false }: DownloadOptions,
): () => Promise<WireAddress> {
  const { mirrors = [], sha256 = {}, token }: Omit<ModelAddress, "url"> = typeof model === "string" ? {} : model;
  const address = {
    url: addressOf(model),
    mirrors: mirrors.map(absolute),
    sha256: typeof sha256 === "string" ? digest(sha256) : digests(sha256),
    cache,
    verify,
  };
  return async () => {
    // Only a page may ask. Whether the browser agrees, and when, changes nothing here.
    if (cache === "opfs") void globalThis.navigator.storage?.persist?.().catch(() => {});
    return { ...address, token: (typeof token === "function" ? await token() : token) ?? null };
  };
}

/** The address that a model is known by. */
export function addressOf(model: string | URL | RemoteModel): string {
  if (typeof model === "string" || model instanceof URL) return absolute(model);
  if ("url" in model) return absolute(model.url);
  const { repo, file, revision = "main", hub = HUB } = model;
  check(/^[\w.-]+\/[\w.-]+$/.test(repo) && !hasDots(repo), `repo is "${repo}": it must be "owner/name", as the hub shows it`);
  check(revision !== "" && !hasDots(revision), `revision is "${revision}": it must be a branch, a tag or a commit`);
  check(file === undefined || isPath(file), `file is "${file}": it must be the path of a file in ${repo}`);
  const base = absolute(hub).replace(/\/*$/, "/");
  check(/^https?:/.test(base), `hub is "${hub}": it must be an address that begins with https://`);
  const path = (file ?? "").split("/").map(encodeURIComponent).join("/");
  return `${base}${repo}/resolve/${encodeURIComponent(revision)}/${path}`;
}

/** An address as the worker, which has a base of its own, understands it. */
export function absolute(url: string | URL): string {
  try {
    return new URL(url, globalThis.document?.baseURI ?? globalThis.location.href).href;
  } catch (cause) {
    throw new MinionsError("invalid_request", `"${url}" is not an address`, { cause });
  }
}

/** Files by name. Of a folder that was chosen whole (`webkitdirectory`), those that are not in folders within it. */
function byName(files: Iterable<File> | Record<string, Blob>): Record<string, Blob> {
  if (!(Symbol.iterator in files)) return files;
  const all: Record<string, Blob> = {};
  for (const file of files) {
    if (file.webkitRelativePath?.split("/").length > 2) continue;
    check(!(file.name in all), `two files are called "${file.name}": give those of one model`);
    all[file.name] = file;
  }
  return all;
}

/** The files of a folder on the user's disk, as they are now. */
async function filesOf(folder: FileSystemDirectoryHandle): Promise<Record<string, Blob>> {
  const files: Record<string, Blob> = {};
  try {
    for await (const entry of folder.values()) {
      if (entry.kind === "file") files[entry.name] = await (entry as FileSystemFileHandle).getFile();
    }
  } catch (cause) {
    const message = "the model's folder cannot be read: it was moved, or the page may no longer read it; ask the user for it again";
    throw new MinionsError("invalid_request", message, { cause });
  }
  return files;
}

function nameOf(file: unknown): string {
  check(file instanceof Blob, "a model is an address, or one of { url }, { repo }, { file }, { files } and { folder }");
  return file instanceof File ? file.name : "model.gguf";
}

const hasDots = (path: string): boolean => path.split("/").some((part) => part === "." || part === "..");

const isPath = (path: string): boolean => path.split("/").every((part) => part !== "") && !hasDots(path);

function digests(byName: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(byName).map(([name, text]) => [name, digest(text)]));
}

function digest(text: string): string {
  check(/^[0-9a-f]{64}$/i.test(text), "a SHA-256 has 64 hexadecimal digits");
  return text.toLowerCase();
}

function check(holds: boolean, complaint: string): void {
  if (!holds) throw new MinionsError("invalid_request", complaint);
}
