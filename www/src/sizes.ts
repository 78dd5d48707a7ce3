/** How large texts and calls are. How a number is written, the page's language says: `strings.ts`. */
import type { Usage } from "minions-web";

const encoder = new TextEncoder();

/** All of a call's tokens. */
export const totalTokens = ({ prompt_tokens, completion_tokens }: Usage): number => prompt_tokens + completion_tokens;

/** The size of a text as it would be sent. */
export const utf8Length = (text: string): number => encoder.encode(text).length;

/** A rule of thumb for English: four characters to a token. */
export const roughTokens = (text: string): number => Math.ceil(text.length / 4);
