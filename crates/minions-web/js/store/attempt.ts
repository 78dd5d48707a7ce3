/**
 * Notes that a load is under way, so that the next one knows if the tab did not survive it: a load that needs more memory than
 * there is ends its tab without a word. The note is a small file beside the stored ones; a lock tells whether its writer lives.
 */
import type { WireLoad, WireSource } from "../wire.js";
import { Folder, digestOf, keyOf } from "./folder.js";
import { overwrite } from "./writer.js";

/** What the engine takes unless told otherwise (`DEFAULT_CONTEXT_LENGTH` in `minions-engine`). */
const CONTEXT_LENGTH = 4096;

/** Below that a model is of little use. */
const MIN_CONTEXT_LENGTH = 512;

/** What a load takes. */
export interface Plan {
  contextLength: number;
  cacheTokens: number;
}

/** The note: what the load takes, and when it began in milliseconds since 1970. */
type Note = Plan & { model: string; begunAt: number };

/**
 * Loads with the options, or more carefully if the last attempt ended with its tab, of which `onCaution` is told. `load` says when
 * the risk begins: while files are still fetched, a tab that ends is more likely one that somebody closed.
 */
export async function attempt<T>(
  source: WireSource,
  options: WireLoad,
  onCaution: (plan: Plan) => void,
  load: (options: WireLoad, begin: () => void) => Promise<T>,
): Promise<T> {
  const folder = isKept(source) ? await Folder.open() : undefined;
  if (!folder) return load(options, () => {});
  const key = await keyOfSource(source);
  return navigator.locks.request(`minions-web:loading:${key}`, { ifAvailable: true }, async (lock) => {
    // Another tab is loading it: what it left is no sign of anything yet.
    if (!lock) return load(options, () => {});
    const last = parse(await folder.note("attempt", key));
    const plan = last ? lesser(last, options) : options;
    const contextLength = plan.contextLength ?? CONTEXT_LENGTH;
    const cacheTokens = plan.cacheTokens ?? contextLength;
    if (last) onCaution({ contextLength, cacheTokens });
    const note: Note = { model: key, contextLength, cacheTokens, begunAt: Date.now() };
    let isOver = false;
    let writing = Promise.resolve();
    const begin = () => {
      if (isOver) return;
      // Where nothing can be written, the load is as risky as ever, and no more.
      writing = folder.noteFile("attempt", key).then((file) => overwrite(file, JSON.stringify(note))).catch(() => {});
    };
    try {
      return await load(plan, begin);
    } finally {
      isOver = true;
      await writing;
      await folder.removeNote("attempt", key).catch(() => {});
    }
  });
}

/** Forgets a load that was ended on purpose, from the outside. */
export async function endAttempt(source: WireSource): Promise<void> {
  const folder = isKept(source) ? await Folder.open() : undefined;
  await folder?.removeNote("attempt", await keyOfSource(source)).catch(() => {});
}

/** Half of what the last attempt took, or what the options ask for if that is less. */
function lesser(last: Plan, options: WireLoad): WireLoad & Plan {
  const half = (tokens: number) => Math.max(Math.floor(tokens / 2), MIN_CONTEXT_LENGTH);
  const contextLength = Math.min(options.contextLength ?? CONTEXT_LENGTH, half(last.contextLength));
  const cacheTokens = Math.max(contextLength, Math.min(options.cacheTokens ?? Infinity, half(last.cacheTokens)));
  return { ...options, contextLength, cacheTokens };
}

function parse(text: string | undefined): Plan | undefined {
  try {
    const { contextLength, cacheTokens } = JSON.parse(text ?? "") as Partial<Note>;
    return contextLength! > 0 && cacheTokens! > 0 ? { contextLength: contextLength!, cacheTokens: cacheTokens! } : undefined;
  } catch {
    return undefined;
  }
}

/** Whoever wants nothing kept gets no note either. */
const isKept = (source: WireSource): boolean => "files" in source || source.cache === "opfs";

/** An address's key, or one of the names and sizes of a user's files. */
async function keyOfSource(source: WireSource): Promise<string> {
  if ("url" in source) return keyOf(source.url);
  const files = Object.entries(source.files).map(([name, { size }]) => `${name}\n${size}`);
  return digestOf(files.sort().join("\n"));
}
