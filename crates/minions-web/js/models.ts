/** Models to choose from, and those in the browser's storage. */
import { type CatalogueEntry, advise, catalogue, find } from "./catalogue.js";
import { MinionsError } from "./errors.js";
import { type DownloadOptions, onErrand, pausing, toWasmUrl } from "./loading.js";
import { type RemoteModel, addressOf, toWireAddress } from "./sources.js";
import { Folder, type Found, plain } from "./store/folder.js";

/** A model of which files are stored. */
export interface CachedModel {
  /** The address that it was loaded from, without its query. */
  url: string;
  /** Bytes that it takes. */
  size: number;
  /** Whether all of it is there, so that loading it needs no network. */
  complete: boolean;
  /** When it was last loaded; `null` if it was never there whole. */
  lastUsed: Date | null;
}

/** What this site's storage holds, in bytes. */
export interface StorageUsage {
  /** Models. */
  models: number;
  /** All that this site stores. */
  used: number;
  /** What it may store at most. */
  quota: number;
  /** Whether the browser keeps it even when it runs out of room. */
  persisted: boolean;
}

/** Models to choose from; and those in the browser's storage, of every page of this site. */
export const models = {
  /** Small models that many people use, with what they take. Each can be loaded as it stands. */
  catalogue,

  /**
   * The model of the catalogue with this id.
   *
   * @throws {MinionsError} `unknown_model`
   */
  find(id: string): CatalogueEntry {
    return find(id);
  },

  /**
   * A plain word about what a model of so many parameters is worth as a worker, such as `engine.model.parameters`; `null` where
   * there is nothing to say.
   */
  advise(parameters: number): string | null {
    return advise(parameters);
  },

  /** Fetches a model into the storage, for a later {@link Engine.load}, and frees what that took. */
  async download(model: string | RemoteModel, options: DownloadOptions = {}): Promise<void> {
    const { controller, signal, onProgress: onEvent, worker } = options;
    const source = await toWireAddress(model, options)();
    signal?.throwIfAborted();
    const params = { source, wasmUrl: toWasmUrl(options) };
    await onErrand(worker, "download", (client) => pausing(client, controller, () => client.call("download", params, { signal, onEvent })));
  },

  /** What is stored, the last used first. */
  async cached(): Promise<CachedModel[]> {
    const all = [...(await byModel()).entries()].map(([url, files]): CachedModel => {
      const there = files.filter(({ entry }) => entry.sha256 !== null).map(({ entry }) => entry.name);
      const main = files.find(({ entry }) => entry.files !== null)?.entry;
      return {
        url,
        size: sum(files),
        complete: main?.files?.every((name) => there.includes(name)) ?? false,
        lastUsed: main?.lastUsed ? new Date(main.lastUsed) : null,
      };
    });
    return all.sort((one, other) => Number(other.lastUsed) - Number(one.lastUsed));
  },

  /** What is stored of a model; `undefined` where nothing is. */
  async stored(model: string | URL | RemoteModel): Promise<CachedModel | undefined> {
    const url = plain(addressOf(model));
    return (await models.cached()).find((cached) => cached.url === url);
  },

  /**
   * Deletes what is stored of a model.
   *
   * @throws {MinionsError} `busy` while a tab is fetching it
   */
  async delete(model: string | URL | RemoteModel): Promise<void> {
    const folder = await Folder.open();
    for (const file of (await byModel()).get(plain(addressOf(model))) ?? []) {
      const isDone = await folder?.ifFree(file.key, () => folder.remove(file.key));
      if (!isDone) throw new MinionsError("busy", `${file.entry.name} is being loaded: abort that first, or wait`);
    }
  },

  /** Deletes what downloads have left that were not finished, but for those that are going on. */
  async deletePartial(): Promise<void> {
    for (const { url, complete } of await models.cached()) {
      if (complete) continue;
      await models.delete(url).catch((error: MinionsError) => {
        if (error.code !== "busy") throw error;
      });
    }
  },

  /** How much room models take and how much there is. */
  async usage(): Promise<StorageUsage> {
    const { usage = 0, quota = 0 } = (await navigator.storage?.estimate()) ?? {};
    return {
      models: sum([...(await byModel()).values()].flat()),
      used: usage,
      quota,
      persisted: (await navigator.storage?.persisted()) ?? false,
    };
  },
};

/** What is stored, by the models' addresses. */
async function byModel(): Promise<Map<string, Found[]>> {
  const found = new Map<string, Found[]>();
  for (const file of (await (await Folder.open())?.list()) ?? []) {
    const { model } = file.entry;
    found.set(model, [...(found.get(model) ?? []), file]);
  }
  return found;
}

function sum(files: Found[]): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0);
}
