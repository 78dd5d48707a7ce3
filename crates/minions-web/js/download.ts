/** Fetches the files of a model, with progress. Runs in the worker. */
import { MinionsError } from "./errors.js";
import type { Progress } from "./types.js";

/** A model's files by name, and the one that describes the model. */
export interface ModelFiles {
  files: Map<string, Blob>;
  main: string;
}

type OnProgress = (progress: Progress) => void;

/** Bytes kept in the script's memory before the browser takes them over into a blob, which it may keep on disk. */
const PART_BYTES = 32 * 1024 * 1024;

/** Progress is reported no more often than this. */
const PROGRESS_MS = 50;

const CONFIG = "config.json";
const WEIGHTS = "model.safetensors";
const WEIGHTS_INDEX = "model.safetensors.index.json";

/** Files of a Hugging Face folder that a model may lack. */
const OPTIONAL = ["tokenizer_config.json", "generation_config.json", "chat_template.jinja"];

/** How the name of one of a model's several GGUF files ends. */
const SPLIT = /-\d{5}-of-(\d{5})\.gguf$/;

/** Fetches the `.gguf` file, with the others of its model if there are several, or the folder, at an address. */
export async function download(url: string, signal: AbortSignal, onProgress: OnProgress): Promise<ModelFiles> {
  const { pathname, protocol } = new URL(url);
  const name = decodeURIComponent(pathname.slice(pathname.lastIndexOf("/") + 1));
  if (pathname.endsWith("/")) return downloadFolder(url, signal, onProgress);
  if (protocol === "blob:" || name.toLowerCase().endsWith(".gguf")) {
    const main = protocol === "blob:" ? "model.gguf" : name;
    const files = new Map<string, Blob>();
    for (const part of splitNames(main)) {
      const address = new URL(url);
      if (part !== main) address.pathname = pathname.slice(0, pathname.lastIndexOf("/") + 1) + encodeURIComponent(part);
      files.set(part, await required(address.href, part, signal, onProgress));
    }
    return { files, main };
  }
  throw new MinionsError("unknown_model", `"${name}" is neither a .gguf file nor a folder; the address of a folder ends in "/"`);
}

/** The names of all files of a model in several, of which `name` is one; else that name alone. */
function splitNames(name: string): string[] {
  const count = SPLIT.exec(name)?.[1];
  if (count === undefined) return [name];
  const ending = (index: number) => `-${String(index + 1).padStart(5, "0")}-of-${count}.gguf`;
  return Array.from({ length: Number(count) }, (_, index) => name.replace(SPLIT, ending(index)));
}

/** Which of a user's files describes the model. */
export function pickMain(names: string[]): string {
  if (names.includes(CONFIG)) return CONFIG;
  const ggufs = names.filter((name) => name.toLowerCase().endsWith(".gguf"));
  const first = ggufs.find((name) => {
    const all = splitNames(name);
    return all[0] === name && ggufs.every((other) => all.includes(other));
  });
  if (first !== undefined) return first;
  const found = names.length === 0 ? "nothing" : names.join(", ");
  const needed = `one .gguf file, or all that it is split into, or a folder with ${CONFIG}`;
  throw new MinionsError("invalid_model", `a model is ${needed}; given: ${found}`);
}

async function downloadFolder(folder: string, signal: AbortSignal, onProgress: OnProgress): Promise<ModelFiles> {
  const files = new Map<string, Blob>();
  const address = (name: string) => {
    const url = new URL(folder);
    url.pathname += name;
    return url.href;
  };
  const get = async (name: string) => {
    files.set(name, await required(address(name), name, signal, onProgress));
  };
  const getIfThere = async (name: string) => {
    const file = await fetchFile(address(name), name, signal, onProgress);
    if (file) files.set(name, file);
    return file;
  };
  await get(CONFIG);
  await get("tokenizer.json");
  for (const name of OPTIONAL) await getIfThere(name);
  const index = await getIfThere(WEIGHTS_INDEX);
  for (const name of index ? await shards(index) : [WEIGHTS]) await get(name);
  return { files, main: CONFIG };
}

/** The files that an index of weights names. */
async function shards(index: Blob): Promise<Set<string>> {
  try {
    const { weight_map } = JSON.parse(await index.text()) as { weight_map: Record<string, string> };
    return new Set(Object.values(weight_map));
  } catch (cause) {
    throw new MinionsError("invalid_model", `${WEIGHTS_INDEX} is not an index of weights`, { cause });
  }
}

async function required(url: string, name: string, signal: AbortSignal, onProgress: OnProgress): Promise<Blob> {
  const file = await fetchFile(url, name, signal, onProgress);
  if (!file) throw new MinionsError("download_failed", `${name}: the server has no such file (404)`);
  return file;
}

/** A file, or nothing where the server has none. */
async function fetchFile(url: string, name: string, signal: AbortSignal, onProgress: OnProgress): Promise<Blob | undefined> {
  const failed = (message: string, retryable: boolean, cause?: unknown) =>
    new MinionsError("download_failed", `${name}: ${message}`, { retryable, cause });
  let response: Response;
  try {
    response = await fetch(url, { signal });
  } catch (cause) {
    throw failed("no connection, or the server does not allow this page to read it (CORS)", true, cause);
  }
  if (response.status === 404) return undefined;
  if (!response.ok) throw failed(`the server answered ${response.status}`, response.status >= 500);
  // A server that answers every address with its start page says 200 all the same.
  if (response.headers.get("content-type")?.startsWith("text/html")) {
    throw failed("the server answered with a web page instead of the file; check the address", false);
  }
  // Compressed in transit, the length is not that of the file.
  const total = response.headers.has("content-encoding") ? 0 : Number(response.headers.get("content-length") ?? 0);
  let file: Blob;
  try {
    file = await collect(response, (loaded) => onProgress({ phase: "download", file: name, loaded, total }));
  } catch (cause) {
    throw failed("the connection broke while it was loading", true, cause);
  }
  if (total > 0 && file.size !== total) throw failed(`only ${file.size} of ${total} bytes arrived`, true);
  return file;
}

/** The body of a response, handed to the browser part by part so that it never sits in the script's memory whole. */
async function collect(response: Response, onLoaded: (bytes: number) => void): Promise<Blob> {
  const parts: Blob[] = [];
  let pending: Uint8Array<ArrayBuffer>[] = [];
  let pendingBytes = 0;
  let loaded = 0;
  let reported = 0;
  const reader = response.body?.getReader();
  for (let next = await reader?.read(); next && !next.done; next = await reader?.read()) {
    pending.push(next.value);
    pendingBytes += next.value.byteLength;
    loaded += next.value.byteLength;
    if (pendingBytes >= PART_BYTES) {
      parts.push(new Blob(pending));
      pending = [];
      pendingBytes = 0;
    }
    if (performance.now() - reported >= PROGRESS_MS) {
      reported = performance.now();
      onLoaded(loaded);
    }
  }
  onLoaded(loaded);
  return new Blob([...parts, ...pending]);
}
