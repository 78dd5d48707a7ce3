/** What a model of the catalogue takes, held against what a page is told of its device. */
import type { CatalogueEntry } from "minions-web";
import { bytes } from "./words.js";

/** Of what wasm can address, 4 GB, the model is not all. */
const CPU_BYTES = 3.5e9;

/** Browsers tell no more than this, however much there is. */
const MOST_TOLD_GB = 8;

/** Whether it may fit, and what to say of that. How much memory a GPU has, no browser tells; how much the device has, some do. */
export function verdict({ minimumMemoryBytes }: CatalogueEntry, onGpu: boolean): { fits: boolean; sentence: string } {
  const needs = `It takes at least ${bytes(minimumMemoryBytes)} of memory`;
  if (!onGpu) {
    return minimumMemoryBytes > CPU_BYTES
      ? { fits: false, sentence: `${needs}: too much for the CPU, which a page may use with 4 GB.` }
      : { fits: true, sentence: `${needs} and runs on the CPU, slowly.` };
  }
  const { deviceMemory } = navigator as Navigator & { deviceMemory?: number };
  if (deviceMemory === undefined) return { fits: true, sentence: `${needs}; how much there is, this browser does not tell.` };
  const isTooMuch = minimumMemoryBytes > deviceMemory * 2 ** 30;
  if (deviceMemory >= MOST_TOLD_GB) {
    return { fits: true, sentence: isTooMuch ? `${needs}; this device has 8 GB or more.` : `${needs}; this device should have that.` };
  }
  if (isTooMuch) return { fits: false, sentence: `${needs}: more than this device has, about ${deviceMemory} GB.` };
  return { fits: true, sentence: `${needs}; this device has about ${deviceMemory} GB for everything.` };
}
