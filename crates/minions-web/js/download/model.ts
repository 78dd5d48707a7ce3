/** Which files a model consists of, and where they are. Runs in the worker. */
import { MinionsError } from "../errors.js";
import { keyOf, plain } from "../store/folder.js";
import { note } from "../store/writer.js";
import type { WireAddress } from "../wire.js";
import { type Download, fetchFile } from "./file.js";
import { InFlight, Reading } from "./inflight.js";
import type { Address } from "./request.js";

/** A model on its way. */
export interface ModelInFlight {
  /** The file that describes the model. */
  main: string;
  /** Resolves when all of it is there, and is what it should be. */
  complete: Promise<void>;
  /** Whether what is wrong with it may yet come right: it was damaged where it was stored, or another address has it. */
  isDoubtful(): boolean;
  /** Begins to read its files. */
  read(): Map<string, Reading>;
}

const CONFIG = "config.json";
const WEIGHTS = "model.safetensors";
const WEIGHTS_INDEX = "model.safetensors.index.json";

/** Files of a Hugging Face folder that a model may lack. */
const OPTIONAL = ["tokenizer_config.json", "generation_config.json", "chat_template.jinja"];

/** What a file is called whose address has no name. */
const BLOB = "model.gguf";

/** How the name of one of a model's several GGUF files ends. */
const SPLIT = /-\d{5}-of-(\d{5})\.gguf$/;

/**
 * Fetches the `.gguf` file, with the others of its model if there are several, or the folder, at an address. Resolves when it is
 * known which files there are.
 */
export async function fetchModel(model: WireAddress, download: Download): Promise<ModelInFlight> {
  const name = nameOf(model.url);
  const names = splitNames(name);
  if (typeof model.sha256 === "string" && (name === "" || names.length > 1)) {
    throw new MinionsError("invalid_request", "the model is in several files: give their digests by their names");
  }
  if (name === "") return fetchFolder(model, download);
  if (name.toLowerCase().endsWith(".gguf")) return fetchFiles(model, names, download);
  throw new MinionsError("unknown_model", `"${name}" is neither a .gguf file nor a folder; the address of a folder ends in "/"`);
}

/** Forgets what is stored of a model: its files are not what they should be. */
export async function forgetModel({ url }: WireAddress, { folder }: Download): Promise<void> {
  for (const { key, entry } of (await folder?.list()) ?? []) {
    if (entry.model === plain(url)) await folder?.ifFree(key, () => folder.remove(key));
  }
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

/** Begins to fetch files, one after the other, of a model of which some may be there. */
function fetchFiles(
  model: WireAddress,
  names: Iterable<string>,
  download: Download,
  files = new Map<string, InFlight>(),
): ModelInFlight {
  const wanted = Array.from(names, (name) => ({ name, file: new InFlight() }));
  for (const { name, file } of wanted) files.set(name, file);
  const main = pickMain([...files.keys()]);
  const fetchAll = async () => {
    for (const { name, file } of wanted) await required(model, name, file, download);
    await noteUse(model, [...files.keys()], main, download);
  };
  const complete = fetchAll();
  complete.catch((reason: unknown) => {
    for (const file of files.values()) file.fail(reason);
  });
  return {
    main,
    complete,
    isDoubtful: () => model.mirrors.length > 0 || [...files.values()].some(({ source }) => source?.isResumed),
    read: () => new Map(Array.from(files, ([name, file]) => [name, new Reading(file)])),
  };
}

async function fetchFolder(model: WireAddress, download: Download): Promise<ModelInFlight> {
  // Once all of it was there it takes no server to know what that is.
  const known = await download.folder?.find(await keyOf(beside(model.url, CONFIG)));
  if (known?.entry.files) return fetchFiles(model, known.entry.files, download);
  const files = new Map<string, InFlight>();
  const get = async (name: string, fetchIt: typeof required | typeof fetchPart) => {
    const file = new InFlight();
    const data = await fetchIt(model, name, file, download);
    if (data) files.set(name, file);
    return data;
  };
  await get(CONFIG, required);
  await get("tokenizer.json", required);
  for (const name of OPTIONAL) await get(name, fetchPart);
  const index = await get(WEIGHTS_INDEX, fetchPart);
  return fetchFiles(model, index ? await shards(index) : [WEIGHTS], download, files);
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

/** Writes down that all of the model was there, and with its main file what all of it is. */
async function noteUse({ url }: WireAddress, files: string[], main: string, { folder }: Download): Promise<void> {
  const use = { model: plain(url), usedAt: Date.now() };
  for (const name of files) {
    const key = await keyOf(name === nameOf(url) ? url : beside(url, name));
    const noteIt = async () => {
      if (!folder || !(await folder.find(key))?.entry.sha256) return;
      await note(folder, key, name === main ? { ...use, files } : use);
    };
    // Who else changes the file uses it as well; and a use that is not noted does no harm.
    await folder?.ifFree(key, noteIt).catch(() => {});
  }
}

async function required(model: WireAddress, name: string, file: InFlight, download: Download): Promise<Blob> {
  const data = await fetchPart(model, name, file, download);
  if (!data) throw new MinionsError("download_failed", `${name}: the server has no such file (404); check the address`);
  return data;
}

async function fetchPart(model: WireAddress, name: string, file: InFlight, download: Download): Promise<Blob | undefined> {
  const { url, mirrors, token, sha256 } = model;
  const at = (base: string, token: string | null): Address => ({
    url: name === nameOf(url) ? base : beside(base, name),
    name,
    token,
  });
  const digest = typeof sha256 === "string" ? sha256 : sha256[name];
  // The token is for the host that the caller named.
  const addresses: [Address, ...Address[]] = [at(url, token), ...mirrors.map((mirror) => at(mirror, null))];
  return fetchFile({ name, addresses, model: url, sha256: digest }, file, download);
}

/** The name of the file at an address; empty for a folder. */
function nameOf(url: string): string {
  const { pathname, protocol } = new URL(url);
  return protocol === "blob:" ? BLOB : decodeURIComponent(pathname.slice(pathname.lastIndexOf("/") + 1));
}

/** The address of another file in the same folder. */
function beside(base: string, name: string): string {
  const url = new URL(base);
  url.pathname = url.pathname.slice(0, url.pathname.lastIndexOf("/") + 1) + name.split("/").map(encodeURIComponent).join("/");
  return url.href;
}
