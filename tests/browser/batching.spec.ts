/** Many replies at a time, in the built package: they share steps, and each is what it would have been alone. */
import type { Page } from "@playwright/test";
import { expect, origin, test } from "./fixtures.js";

/* What runs inside the page; `pages/blank.js` puts it there. */
declare const minions: any;
declare const engine: any;

interface Tally {
  prefillTokens: number;
  decodeSteps: number;
  decodeRows: number;
  heldPages: number;
  evictedPages: number;
  restoredPages: number;
}

/** Loads the included worker as `engine` of the page, and puts `job` and `reply` there. */
async function load(page: Page, options: object = {}): Promise<void> {
  await page.goto(`${origin()}/pages/blank.html`);
  await page.waitForFunction(() => "minions" in globalThis);
  await page.evaluate(async (options) => {
    Object.assign(globalThis, {
      engine: await minions.Engine.load("/models/demo-worker.gguf", options),
      // One of the jobs of a run: rules for all, a chunk for some, a task.
      job: (chunk: number, task: number, more: object = {}) => ({
        messages: [
          { role: "system", content: `${"Read the rules. ".repeat(12)}${`Chunk ${chunk} says little. `.repeat(20)}` },
          { role: "user", content: `Task ${task}: what does it say?` },
        ],
        max_tokens: 4 + ((3 * task + chunk) % 9),
        temperature: task % 2 ? 1.3 : 0,
        seed: 10 * chunk + task,
        logprobs: true,
        ...more,
      }),
      // All of a completion that is not about its cost.
      reply: (completion: any) => JSON.stringify(completion.choices),
    });
  }, options);
}

declare const job: (chunk: number, task: number, more?: object) => any;
declare const reply: (completion: any) => string;

test("calls made at the same time share steps and prefixes, and get the replies that each gets alone", async ({ page }) => {
  await load(page);
  const { together, alone, tally, promptTokens, counters } = await page.evaluate(async () => {
    const { client } = engine;
    const jobs = [0, 1, 2].flatMap((chunk) => [0, 1, 2, 3].map((task) => job(chunk, task)));
    const before = await client.call("counters", null);
    const completions = await Promise.all(jobs.map((body) => engine.chat.completions.create(body)));
    const tally: Tally = await client.call("tally", null);
    const after = await client.call("counters", null);
    const promptTokens = completions.reduce((sum, { usage }) => sum + usage.prompt_tokens, 0);
    const alone = [];
    for (const body of jobs) alone.push(reply(await engine.chat.completions.create(body)));
    const counters = { replays: after.replays - before.replays, readBacks: after.readBacks - before.readBacks };
    return { together: completions.map(reply), alone, tally, promptTokens, counters };
  });
  expect(together).toEqual(alone);
  expect(tally.heldPages).toBe(0);
  expect(tally.decodeRows).toBeGreaterThan(3 * tally.decodeSteps);
  expect(tally.prefillTokens).toBeLessThan(promptTokens / 2);
  expect(counters.replays).toBe(tally.decodeSteps);
});

test("what the cache has no room for is kept in the page's memory and comes back", async ({ page }) => {
  const rounds = async (options: object) => {
    await load(page, { contextLength: 512, cacheTokens: 512, ...options });
    return page.evaluate(async () => {
      const [replies, tallies]: [string[], Tally[]] = [[], []];
      for (const task of [0, 1]) {
        for (const chunk of [0, 1, 2, 3, 4]) replies.push(reply(await engine.chat.completions.create(job(chunk, task))));
        tallies.push(await engine.client.call("tally", null));
      }
      return { replies, tallies };
    });
  };
  const [kept, lost] = [await rounds({}), await rounds({ spillBytes: 0 })];
  expect(kept.replies).toEqual(lost.replies);
  const read = ({ tallies: [first, second] }: { tallies: Tally[] }) => second!.prefillTokens - first!.prefillTokens;
  expect(read(kept)).toBeLessThan(read(lost) / 3);
  expect(kept.tallies[1]).toMatchObject({ heldPages: 0, waitingJobs: 0 });
  expect(kept.tallies[1]!.restoredPages).toBeGreaterThan(0);
  expect(kept.tallies[1]!.evictedPages).toBeGreaterThan(0);
  expect(lost.tallies[1]).toMatchObject({ spilledPages: 0, restoredPages: 0 });
});

test("a stream that nobody reads holds up nobody", async ({ page }) => {
  await load(page);
  const { others, rest } = await page.evaluate(async () => {
    const body = job(0, 1, { max_tokens: 20 });
    const stream = await engine.chat.completions.create({ ...body, stream: true });
    const pieces = stream[Symbol.asyncIterator]();
    await pieces.next();
    const others = await Promise.all([1, 2].map((chunk) => engine.chat.completions.create(job(chunk, 0))));
    return { others: others.length, rest: (await stream.finalCompletion()).usage.completion_tokens };
  });
  expect(others).toBe(2);
  expect(rest).toBeGreaterThan(0);
});

/** The native twin is in `tests/batching.rs`. */
test("whatever comes and goes, every reply is the one alone", async ({ page }) => {
  const seconds = Number(process.env["MINIONS_STRESS_SECONDS"] ?? 6);
  test.setTimeout(120_000 + 5_000 * seconds);
  await load(page, { cacheTokens: 2048 });
  const rounds = await page.evaluate(async (seconds) => {
    let random = 1;
    const below = (bound: number) => {
      random = (Math.imul(random, 1664525) + 1013904223) >>> 0;
      return (random >>> 8) % bound;
    };
    const alone = new Map<string, string>();
    const until = performance.now() + 1000 * seconds;
    let rounds = 0;
    while (rounds === 0 || performance.now() < until) {
      const jobs = Array.from({ length: 16 }, () => {
        const form = below(3) === 0 ? { response_format: { type: "json_object" }, max_tokens: 24 } : {};
        return { body: job(below(5), below(4), form), patience: below(4) === 0 ? 20 * below(40) : Infinity };
      });
      const replies = await Promise.all(
        jobs.map(async ({ body, patience }) => {
          const controller = new AbortController();
          if (patience < Infinity) setTimeout(() => controller.abort(), patience);
          try {
            return reply(await engine.chat.completions.create(body, { signal: controller.signal }));
          } catch (error) {
            if ((error as Error).name === "AbortError") return null;
            throw error;
          }
        }),
      );
      const { heldPages } = await engine.client.call("tally", null);
      if (heldPages !== 0) throw new Error(`${heldPages} pages are held by nobody`);
      for (const [index, { body }] of jobs.entries()) {
        const key = JSON.stringify(body);
        if (replies[index] === null) continue;
        if (!alone.has(key)) alone.set(key, reply(await engine.chat.completions.create(body)));
        if (alone.get(key) !== replies[index]) throw new Error(`${key}: ${replies[index]}, not ${alone.get(key)}`);
      }
      rounds += 1;
    }
    return rounds;
  }, seconds);
  expect(rounds).toBeGreaterThan(0);
});
