// The catalogue: every entry is whole, and what is computed of a model is what is known of its file.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { pkg } from "./harness.mjs";

const { advise, catalogue, find, memoryBytes, weightBytes } = await import(pathToFileURL(join(pkg, "catalogue.js")).href);

// Bytes of the files as the hub lists them, and how many weights each model has.
const KNOWN = {
  "smollm2-135m": [144_811_360, 134_515_008],
  "smollm2-360m": [386_404_992, 361_821_120],
  "smollm2-1.7b": [1_055_609_536, 1_711_376_384],
  "smollm3-3b": [1_915_305_312, 3_075_098_624],
  "llama-3.2-1b": [807_694_464, 1_235_814_400],
  "llama-3.2-3b": [2_019_377_696, 3_212_749_824],
  "qwen2.5-0.5b": [397_808_192, 494_032_768],
  "qwen2.5-1.5b": [986_048_768, 1_543_714_304],
  "qwen2.5-3b": [1_929_903_264, 3_085_938_688],
  "qwen2.5-7b": [4_683_074_240, 7_615_616_512],
  "qwen3-0.6b": [639_446_688, 596_049_920],
  "qwen3-1.7b": [1_834_426_016, 1_720_574_976],
  "qwen3-4b": [2_497_280_256, 4_022_468_096],
  "gemma-2-2b": [1_708_582_752, 2_614_341_888],
  "gemma-3-1b": [806_058_272, 999_885_952],
  "gemma-3-4b": [2_489_894_016, 3_880_099_328],
  "phi-3.5-mini": [2_393_232_672, 3_821_079_552],
  "phi-4-mini": [2_491_874_272, 3_836_021_856],
  "granite-3.3-2b": [1_545_303_328, 2_533_539_840],
  "mistral-7b": [4_372_812_000, 7_248_023_552],
};

const isNear = (value, known, tolerance) => Math.abs(value / known - 1) <= tolerance;

test("every entry is one of its kind, and can be fetched and judged", () => {
  const ids = catalogue.map(({ id }) => id);
  assert.equal(new Set(ids).size, ids.length);
  assert.deepEqual(ids.toSorted(), Object.keys(KNOWN).toSorted());
  for (const entry of catalogue) {
    const { id, name, repo, file, licence, parameters, contextLength, shape } = entry;
    assert.equal(find(id), entry);
    assert.match(id, /^[a-z0-9.-]+$/);
    assert.ok(name && licence, id);
    assert.match(repo, /^[\w.-]+\/[\w.-]+$/);
    assert.match(file, /^[\w.-]+\.gguf$/);
    assert.equal(new URL(`https://huggingface.co/${repo}/resolve/main/${file}`).pathname, `/${repo}/resolve/main/${file}`);
    assert.ok(file.toUpperCase().includes(entry.quantization), `${id}: ${file} is not ${entry.quantization}`);
    assert.ok(contextLength >= 4096 && shape.heads % shape.kvHeads === 0, id);
    assert.equal(entry.warning, advise(parameters));
  }
});

test("sizes computed from shapes are those of the files", () => {
  for (const { id, sizeBytes, parameters, minimumMemoryBytes } of catalogue) {
    const [bytes, weights] = KNOWN[id];
    assert.ok(isNear(sizeBytes, bytes, 0.05), `${id}: ${sizeBytes} bytes, known ${bytes}`);
    assert.ok(isNear(parameters, weights, 0.002), `${id}: ${parameters} parameters, known ${weights}`);
    assert.ok(minimumMemoryBytes > sizeBytes, id);
  }
});

test("memory is weights, keys and values, and what a step computes with", () => {
  const { shape, quantization } = find("llama-3.2-1b");
  const at = (tokens) => memoryBytes(shape, quantization, tokens);
  // 16 layers of 8 heads of 64 keys and as many values, 4 bytes each.
  assert.equal(at(4096) - at(0), 4096 * 65_536);
  const step = at(0) - weightBytes(shape, quantization);
  assert.ok(step > 0 && step < 100e6, `${step} bytes for a step`);
});

test("warns of workers below 3 billion parameters, and of no others", () => {
  const warned = catalogue.filter(({ warning }) => warning).map(({ id }) => id);
  assert.ok(warned.includes("llama-3.2-1b") && warned.includes("gemma-2-2b"));
  for (const id of ["llama-3.2-3b", "smollm3-3b", "qwen2.5-3b", "qwen3-4b", "mistral-7b"]) assert.ok(!warned.includes(id), id);
  assert.match(advise(1e9), /below 3 billion.*markedly worse/);
});
