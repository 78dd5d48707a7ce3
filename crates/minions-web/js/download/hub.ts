/** What a model hub says of its files. */
import type { Address } from "./request.js";

/** Addresses of a hub's large files; the same with `raw` gives the note that its repository holds instead of the file. */
const RESOLVE = /^(\/[^/]+\/[^/]+)\/resolve\/(?=[^/]+\/.+\.(?:gguf|safetensors)$)/i;

/** A repository's notes are short. */
const NOTE_BYTES = 1024;

/**
 * The SHA-256 of a file that Hugging Face's hub, or a server with its paths, keeps. The etag is no help: it is that of the
 * content network, whose own hash is also of 64 digits.
 */
export async function digestAtHub({ url, token }: Address, signal: AbortSignal): Promise<string | undefined> {
  const note = new URL(url);
  if (!RESOLVE.test(note.pathname)) return undefined;
  note.pathname = note.pathname.replace(RESOLVE, "$1/raw/");
  const over = new AbortController();
  try {
    const headers = token === null ? {} : { authorization: `Bearer ${token}` };
    const response = await fetch(note, { headers, cache: "no-store", signal: AbortSignal.any([signal, over.signal]) });
    const { value } = (await response.body?.getReader().read()) ?? {};
    const text = response.ok ? new TextDecoder().decode(value?.subarray(0, NOTE_BYTES)) : "";
    return /^oid sha256:([0-9a-f]{64})$/m.exec(text)?.[1];
  } catch {
    return undefined;
  } finally {
    // A server that has files there instead of notes need not send one.
    over.abort();
  }
}
