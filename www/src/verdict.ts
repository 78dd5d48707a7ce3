/** What a model of the catalogue takes, held against what a page is told of its device. */
import type { CatalogueEntry } from "minions-web";
import { strings } from "./strings.js";

/** Of what wasm can address, 4 GB, the model is not all. */
const CPU_BYTES = 3.5e9;

/** Browsers tell no more than this, however much there is. */
const MOST_TOLD_GB = 8;

/** Whether it may fit, and what to say of that. How much memory a GPU has, no browser tells; how much the device has, some do. */
export function verdict({ minimumMemoryBytes }: CatalogueEntry, onGpu: boolean): { fits: boolean; sentence: string } {
  const says = strings.verdict;
  if (!onGpu) {
    return minimumMemoryBytes > CPU_BYTES
      ? { fits: false, sentence: says.tooMuchForCpu(minimumMemoryBytes) }
      : { fits: true, sentence: says.onCpu(minimumMemoryBytes) };
  }
  const { deviceMemory } = navigator as Navigator & { deviceMemory?: number };
  if (deviceMemory === undefined) return { fits: true, sentence: says.unknown(minimumMemoryBytes) };
  const isTooMuch = minimumMemoryBytes > deviceMemory * 2 ** 30;
  if (deviceMemory >= MOST_TOLD_GB) {
    return { fits: true, sentence: isTooMuch ? says.atLeast8(minimumMemoryBytes) : says.enough(minimumMemoryBytes) };
  }
  if (isTooMuch) return { fits: false, sentence: says.tooMuch(minimumMemoryBytes, deviceMemory) };
  return { fits: true, sentence: says.maybe(minimumMemoryBytes, deviceMemory) };
}
