/** The page's words, in the language that it speaks. There is one so far: `strings/en.ts` says how another is written. */
import { en } from "./strings/en.js";

/** What every language has to say: the same messages, each with the same things to put in. */
export type Strings = typeof en;

export const strings: Strings = en;
