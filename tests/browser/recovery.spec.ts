/** A GPU that fails under the built package: what was being replied goes on, and says what it would have said. */
import type { Page } from "@playwright/test";
import { expect, origin, test } from "./fixtures.js";

/* What runs inside the page; `pages/blank.js` puts it there. */
declare const minions: any;
declare const engine: any;
declare const worker: Worker;
declare const job: (index: number) => any;
declare const reply: (completion: any) => string;

/** Loads the included worker on a device that can be made to fail. */
async function load(page: Page, options: object = {}): Promise<void> {
  await page.goto(`${origin()}/pages/blank.html`);
  await page.waitForFunction(() => "minions" in globalThis);
  await page.evaluate(async (options) => {
    const worker = new Worker("/pages/failing-gpu-worker.js", { type: "module" });
    Object.assign(globalThis, {
      worker,
      engine: await minions.Engine.load("/models/demo-worker.gguf", { worker, ...options }),
      job: (index: number) => ({
        messages: [
          { role: "system", content: `${"Read the rules. ".repeat(6)}${`Chunk ${Math.floor(index / 6)} says little. `.repeat(8)}` },
          { role: "user", content: `Task ${index % 6}: what does it say?` },
        ],
        max_tokens: 6 + ((7 * index) % 12),
        temperature: index % 2 ? 1.3 : 0,
        seed: index,
        logprobs: true,
        ...(index % 3 ? {} : { response_format: { type: "json_object" } }),
      }),
      // All of a completion that is not about its cost.
      reply: (completion: any) => JSON.stringify(completion.choices),
    });
  }, options);
}

/** `MINIONS_LOST_DEVICES` may say how many sixty jobs outlive: a software adapter takes long to compile its kernels anew. */
test("jobs outlive their devices", async ({ page }) => {
  const [losses, jobs] = process.env["MINIONS_LOST_DEVICES"] ? [Number(process.env["MINIONS_LOST_DEVICES"]), 60] : [1, 12];
  test.setTimeout(300_000 + 60_000 * losses);
  await load(page, { cacheTokens: 4096 });
  const { expected, replies, tally } = await page.evaluate(async ([losses, jobs]) => {
    const tally = () => engine.client.call("tally", null);
    const run = () => Promise.all(Array.from({ length: jobs }, async (_, at) => reply(await engine.chat.completions.create(job(at)))));
    const expected = await run();
    let random = 1;
    const below = (bound: number) => {
      random = (Math.imul(random, 1664525) + 1013904223) >>> 0;
      return (random >>> 8) % bound;
    };
    // As many runs as it takes: one may be over before all devices were lost.
    const replies = [];
    for (let lost = 0; lost < losses; ) {
      let isOver = false;
      const running = run().finally(() => (isOver = true));
      let at = (await tally()).decodeSteps + below(12);
      while (!isOver && lost < losses) {
        const { decodeSteps, recoveries } = await tally();
        if (recoveries === lost && decodeSteps >= at) {
          worker.postMessage({ fail: "lost" });
          while (!isOver && (await tally()).recoveries === lost) await new Promise((resolve) => setTimeout(resolve, 20));
          lost = (await tally()).recoveries;
          at = (await tally()).decodeSteps + below(30);
        }
        await new Promise((resolve) => setTimeout(resolve, below(20)));
      }
      replies.push(await running);
      lost = (await tally()).recoveries;
    }
    return { expected, replies, tally: await tally() };
  }, [losses, jobs] as const);
  expect(replies.length).toBeGreaterThan(0);
  for (const run of replies) expect(run).toEqual(expected);
  expect(tally.recoveries).toBeGreaterThanOrEqual(losses);
  expect(tally).toMatchObject({ heldPages: 0, waitingJobs: 0 });
});

for (const [fail, title] of [
  ["error", "a device that has not done what it was told is replaced before anything wrong is said"],
  ["hang", "a device that does not answer is replaced"],
] as const) {
  test(title, async ({ page }) => {
    await load(page, { gpuTimeoutMs: 10_000 });
    const { before, after, vector, again, recoveries } = await page.evaluate(async (fail) => {
      const ask = async () => reply(await engine.chat.completions.create(job(1)));
      const before = await ask();
      worker.postMessage({ fail });
      const after = await ask();
      const [vector] = await engine.embed(["one text"]);
      worker.postMessage({ fail });
      const [again] = await engine.embed(["one text"]);
      const { recoveries } = await engine.client.call("tally", null);
      return { before, after, vector: [...vector], again: [...again], recoveries };
    }, fail);
    expect(after).toBe(before);
    expect(again).toEqual(vector);
    expect(recoveries).toBeGreaterThanOrEqual(2);
  });
}

test("a device that is lost while a model is loaded is an error that says so, and the next load is fine", async ({ page }) => {
  await page.goto(`${origin()}/pages/blank.html`);
  await page.waitForFunction(() => "minions" in globalThis);
  const { code, text } = await page.evaluate(async () => {
    const worker = new Worker("/pages/failing-gpu-worker.js", { type: "module" });
    // Once: what is told twice may reach the next load.
    let isTold = false;
    const onProgress = ({ phase }: { phase: string }) => {
      if (phase === "upload" && !isTold) worker.postMessage({ fail: "lost" });
      isTold ||= phase === "upload";
    };
    const error = await minions.Engine.load("/models/demo-worker.gguf", { worker, onProgress }).catch((error: unknown) => error);
    const engine = await minions.Engine.load("/models/demo-worker.gguf", { worker });
    const completion = await engine.chat.completions.create({ messages: [{ role: "user", content: "Hello" }], max_tokens: 4 });
    return { code: error.code, text: completion.choices[0].message.content };
  });
  expect(code).toBe("device_lost");
  expect(text).not.toBe("");
});
