/** What loading takes of the page's memory: a model of half a gigabyte goes to the GPU in pieces. */
import type { CDPSession, Page } from "@playwright/test";
import { expect, origin, test } from "./fixtures.js";
import { write } from "./gguf.mjs";
import { SHAPE_500MB as SHAPE, metadata, tensors } from "./random-model.mjs";

/* What runs inside the page; `pages/blank.js` puts it there. */
declare const connect: any;

const MB = 1024 * 1024;

/** What wasm's memory may grow to: pieces, and what is there without a model. A layer's gate and up are 36 MB. */
const MAX_WASM_BYTES = 40 * MB;

/** The JavaScript heap of a page's worker, watched from outside: in the worker itself nothing tells. */
class WorkerHeap {
  /** The most bytes so far, objects and buffers; wasm's memory is not among them. */
  peak = 0;

  static async of(page: Page): Promise<WorkerHeap> {
    const heap = new WorkerHeap();
    const session: CDPSession = await page.context().newCDPSession(page);
    let id = 0;
    session.on("Target.attachedToTarget", ({ sessionId }) => {
      const ask = () => {
        const message = JSON.stringify({ id: ++id, method: "Runtime.getHeapUsage" });
        // The worker, or the page, may be gone.
        session.send("Target.sendMessageToTarget", { sessionId, message }).catch(() => clearInterval(timer));
      };
      const timer = setInterval(ask, 20);
    });
    session.on("Target.receivedMessageFromTarget", ({ message }) => {
      const { result } = JSON.parse(message);
      if (result) heap.peak = Math.max(heap.peak, result.usedSize + (result.backingStorageSize ?? 0));
    });
    await session.send("Target.setAutoAttach", { autoAttach: true, waitForDebuggerOnStart: false, flatten: false });
    return heap;
  }
}

test("a model of half a gigabyte is loaded in less than 96 MB, 40 of them wasm memory", async ({ page }) => {
  test.setTimeout(600_000);
  const list = tensors(SHAPE, "Q8_0", () => 0);
  const [header, padding] = write(metadata(SHAPE), list);
  await page.goto(`${origin()}/pages/blank.html`);
  await page.waitForFunction(() => "connect" in globalThis);
  const heap = await WorkerHeap.of(page);
  const { modelBytes, wasmBytes, uploaded, reported } = await page.evaluate(
    async ({ head, sizes }) => {
      // Matrices are the same noise over and over: a blob refers to its parts, so that the model takes no memory of its own.
      const noise = new Uint8Array(34 * 2 ** 19);
      for (let at = 0; at < noise.length; at += 2 ** 16) crypto.getRandomValues(noise.subarray(at, at + 2 ** 16));
      // 2^-14 as the float16 scale of every block.
      for (let at = 0; at < noise.length; at += 34) [noise[at], noise[at + 1]] = [0, 4];
      const block = new Blob([noise]);
      const parts: BlobPart[] = [Uint8Array.from(atob(head), (character) => character.charCodeAt(0))];
      for (const { bytes, isMatrix } of sizes) {
        if (!isMatrix) parts.push(new Float32Array(bytes / 4).fill(1));
        for (let left = isMatrix ? bytes : 0; left > 0; left -= block.size) parts.push(block.slice(0, Math.min(left, block.size)));
      }
      const model = new Blob(parts);
      const { client, worker } = connect();
      Object.assign(globalThis, { worker });
      const options = { device: "gpu", contextLength: null, cacheTokens: null, spillBytes: 0, kvCache: null, quantize: null };
      let uploaded = 0;
      const onProgress = (step: { phase: string; loaded: number }) => {
        if (step.phase === "upload") uploaded = step.loaded;
      };
      const source = { files: { "model.gguf": model } };
      const { model: info } = await client.call("load", { engine: 0, source, options, wasmUrl: null }, { onEvent: onProgress });
      return { modelBytes: model.size, wasmBytes: (await client.call("memoryBytes", null)) as number, uploaded, reported: info.sizeBytes };
    },
    {
      head: Buffer.concat([header!, padding!]).toString("base64"),
      sizes: list.map(({ shape, bytes }) => ({ bytes, isMatrix: shape.length === 2 })),
    },
  );
  expect(modelBytes).toBeGreaterThan(500 * MB);
  expect(uploaded).toBeGreaterThan(500 * MB);
  expect(reported).toBeGreaterThan(500 * MB);
  // wasm memory never shrinks: what it is in the end is its peak.
  const told = `wasm ${(wasmBytes / MB).toFixed(1)} MB, JavaScript at most ${(heap.peak / MB).toFixed(1)} MB`;
  console.log(told);
  expect(wasmBytes).toBeLessThan(MAX_WASM_BYTES);
  expect(wasmBytes + heap.peak, told).toBeLessThan(96 * MB);
  await page.evaluate(() => (globalThis as any).worker.terminate());
});
