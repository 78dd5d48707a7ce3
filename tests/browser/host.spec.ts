/** The life of an engine's worker: sleep, waking, crashes, and loads that their tab did not survive. */
import type { Page } from "@playwright/test";
import { expect, listen, origin, test } from "./fixtures.js";

/* What runs inside the page; `pages/blank.js` puts it there. */
declare const minions: any;
declare const engine: any;
declare const progress: { phase: string; contextLength?: number; cacheTokens?: number }[];
declare const say: (options?: object, terms?: object) => Promise<string>;
declare const describe: (promise: Promise<unknown>) => Promise<{ name: string; code: string; message: string; retryable: boolean }>;

const GGUF = "/models/demo-worker.gguf";

/** On the CPU: nothing here depends on the device, and its steps are slow enough to be interrupted. */
async function open(page: Page): Promise<void> {
  await page.goto(`${origin()}/pages/blank.html`);
  await page.waitForFunction(() => "minions" in globalThis);
  await page.evaluate(() => {
    const content = "Tell me something.";
    Object.assign(globalThis, {
      progress: [],
      say: async (options: object = {}, terms: object = {}) => {
        const body = { messages: [{ role: "user", content }], max_tokens: 4, temperature: 0, ...options };
        return (await engine.chat.completions.create(body, terms)).choices[0].message.content;
      },
      describe: (promise: Promise<unknown>) =>
        promise.then(
          () => undefined,
          ({ name, code, message, retryable }) => ({ name, code, message, retryable }),
        ),
    });
  });
}

/** Loads a model as `engine` of the page, with `progress` of all its loads. */
async function load(page: Page, options: object = {}): Promise<void> {
  await page.evaluate(
    async ({ url, options }) => {
      const onProgress = (step: (typeof progress)[0]) => progress.push(step);
      Object.assign(globalThis, { engine: await minions.Engine.load(url, { device: "cpu", onProgress, ...options }) });
    },
    { url: GGUF, options },
  );
}

const readies = (page: Page) => page.evaluate(() => progress.filter(({ phase }) => phase === "ready").length);
const isAwake = (page: Page) => page.evaluate(() => engine.isAwake as boolean);

/** Ends the worker as an error in it that nobody catches does. */
const crash = (page: Page) =>
  page.workers()[0]!.evaluate(() => {
    setTimeout(() => {
      throw new Error("boom");
    });
  });

test("sleeps when told, stays described, and wakes once for all who call", async ({ page }) => {
  await open(page);
  await load(page);
  const before = await page.evaluate(() => say());
  await page.evaluate(() => engine.sleep());
  await expect.poll(() => page.workers().length).toBe(0);
  const asleep = await page.evaluate(() => [engine.isAwake, engine.model.contextLength, engine.adapter.kind]);
  expect(asleep).toEqual([false, 2048, "cpu"]);
  await page.evaluate(() => progress.splice(0));
  const replies = await page.evaluate(async () => {
    const stream = await engine.chat.completions.create({
      messages: [{ role: "user", content: "Tell me something." }],
      max_tokens: 4,
      temperature: 0,
      stream: true,
    });
    const [reply, streamed] = await Promise.all([say(), stream.finalCompletion(), engine.embed(["a text"])]);
    return [reply, streamed.choices[0].message.content];
  });
  expect(replies).toEqual([before, before]);
  expect(await readies(page)).toBe(1);
  const phases = await page.evaluate(() => progress.map(({ phase }) => phase));
  expect(phases[0]).toBe("download");
  expect(phases).toContain("upload");
  expect(page.workers().length).toBe(1);
  expect(await isAwake(page)).toBe(true);
});

test("falls asleep when nobody calls, and not while a stream is open", async ({ page }) => {
  await open(page);
  await load(page, { idleTimeoutMs: 0 });
  await expect.poll(() => page.workers().length).toBe(0);
  // Sleep would end it at once.
  const { tokens, busy } = await page.evaluate(async () => {
    const messages = [{ role: "user", content: "Tell me something." }];
    const stream = await engine.chat.completions.create({ messages, max_tokens: 40, temperature: 2, seed: 1, stream: true });
    const busy = await describe(engine.sleep());
    return { tokens: (await stream.finalCompletion()).usage.completion_tokens as number, busy };
  });
  expect(tokens).toBeGreaterThan(4);
  expect(busy).toMatchObject({ code: "busy", message: expect.stringMatching(/wait for them or abort them/) });
  await expect.poll(() => page.workers().length).toBe(0);
  expect(await isAwake(page)).toBe(false);

  const refusals = await page.evaluate(async () => {
    const of = (idleTimeoutMs: unknown) => describe(minions.Engine.load("m.gguf", { idleTimeoutMs }));
    return Promise.all([of(-1), of(NaN), of(2 ** 31)]);
  });
  for (const error of refusals) expect(error).toMatchObject({ code: "invalid_request", message: expect.stringMatching(/idleTimeoutMs/) });
});

test("asks for what may change when it wakes: tokens, and addresses stay what they were", async ({ page }) => {
  await open(page);
  const asked = await page.evaluate(async () => {
    let asked = 0;
    const token = async () => `token ${++asked}`;
    const engine = await minions.Engine.load({ url: "../models/demo-worker.gguf", token }, { device: "cpu" });
    await engine.sleep();
    history.replaceState(null, "", "/elsewhere/entirely");
    await engine.embed(["a text"]);
    await engine.unload();
    return asked;
  });
  expect(asked).toBe(2);
});

test("a file of the user's is read again when it wakes", async ({ page }) => {
  await open(page);
  const replies = await page.evaluate(async (url) => {
    const file = new File([await (await fetch(url)).blob()], "mine.gguf");
    Object.assign(globalThis, { engine: await minions.Engine.load({ file }, { device: "cpu" }) });
    const before = await say();
    await engine.sleep();
    return [before, await say()];
  }, GGUF);
  expect(replies[1]).toBe(replies[0]);
});

test("whoever stops waiting is let go; the waking goes on if others wait, and ends if nobody does", async ({ page }) => {
  await open(page);
  await load(page);
  await page.evaluate(() => engine.sleep());
  const [aborted, reply] = await page.evaluate(async () => {
    const controller = new AbortController();
    const aborted = describe(say({}, { signal: controller.signal }));
    const reply = say();
    setTimeout(() => controller.abort(), 50);
    return [await aborted, await reply];
  });
  expect(aborted).toMatchObject({ name: "AbortError" });
  expect(reply).not.toBe("");
  expect(await readies(page)).toBe(2);

  await page.evaluate(() => engine.sleep());
  const alone = await page.evaluate(async () => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 50);
    return describe(say({}, { signal: controller.signal }));
  });
  expect(alone).toMatchObject({ name: "AbortError" });
  await expect.poll(() => page.workers().length).toBe(0);
  expect(await page.evaluate(() => say())).toBe(reply);

  await page.evaluate(() => engine.sleep());
  const unloaded = await page.evaluate(async () => {
    const waiting = describe(say());
    await engine.unload();
    return [await waiting, await describe(say()), await describe(engine.sleep())];
  });
  for (const error of unloaded) expect(error).toMatchObject({ code: "invalid_request", message: expect.stringMatching(/unloaded/) });
  await expect.poll(() => page.workers().length).toBe(0);
});

test("starts anew after a crash, and gives up after two in a row", async ({ page, complaints }) => {
  complaints.allow(/boom/);
  await open(page);
  await load(page);
  const before = await page.evaluate(() => say());

  const crashed = async () => {
    await page.evaluate(() => {
      const messages = [{ role: "user", content: "Tell me something." }];
      const body = { messages, max_tokens: 1000, temperature: 2, top_k: 1000, seed: 3, stream: true };
      // Settles when the stream is under way.
      return engine.chat.completions.create(body).then((stream: any) => {
        Object.assign(globalThis, { running: describe(stream.finalCompletion()) });
      });
    });
    await crash(page);
    return page.evaluate(() => (globalThis as any).running as ReturnType<typeof describe>);
  };
  const anew = { name: "MinionsError", code: "internal", retryable: true, message: expect.stringMatching(/next call starts it anew.*boom/) };
  expect(await crashed()).toMatchObject(anew);
  expect(await isAwake(page)).toBe(false);
  expect(await page.evaluate(() => say())).toBe(before);
  expect(await readies(page)).toBe(2);

  expect(await crashed(), "a call succeeded in between").toMatchObject(anew);
  const over = { code: "internal", retryable: false, message: expect.stringMatching(/twice in a row.*smaller model/) };
  expect(await crashed()).toMatchObject(over);
  expect(await page.evaluate(() => describe(say()))).toMatchObject(over);
  await expect.poll(() => page.workers().length).toBe(0);
  await page.evaluate(() => engine.unload());
});

test("a worker that breaks while it wakes fails all who wait for it, and does not try on and on", async ({ page, complaints }) => {
  complaints.allow(/boom/);
  await open(page);
  await load(page);
  await page.evaluate(() => engine.sleep());
  let started = 0;
  const breakWorkers = () =>
    page.route("**/pkg/worker.js", (route) => {
      started++;
      return route.fulfill({ contentType: "text/javascript", body: "throw new Error('boom')" });
    });
  await breakWorkers();
  const waiting = await page.evaluate(() => Promise.all([describe(say()), describe(engine.embed(["a text"]))]));
  for (const error of waiting) expect(error).toMatchObject({ code: "internal", retryable: true });
  expect(started).toBe(1);
  await page.unroute("**/pkg/worker.js");
  expect(await page.evaluate(() => say())).not.toBe("");

  await page.evaluate(() => engine.sleep());
  await breakWorkers();
  const errors = await page.evaluate(async () => [await describe(say()), await describe(say()), await describe(say())]);
  expect(errors.map(({ retryable }) => retryable)).toEqual([true, false, false]);
  expect(started).toBe(3);
});

test("a worker of the app's is emptied and filled again, and its crash is the end", async ({ page, complaints }) => {
  complaints.allow(/panic/);
  await open(page);
  const result = await page.evaluate(async (url) => {
    const worker = new Worker("/pages/panicking-worker.js", { type: "module" });
    Object.assign(globalThis, { engine: await minions.Engine.load(url, { device: "cpu", worker }) });
    const before = await say();
    await engine.sleep();
    const isAwake = engine.isAwake as boolean;
    // The worker is free, so another engine could use it now.
    const other = await minions.Engine.load(url, { device: "cpu", worker });
    await other.unload();
    const after = await say();
    const running = describe(say({ max_tokens: 1000 }));
    worker.postMessage({ panic: "index out of bounds" });
    const errors = [await running, await describe(say())];
    worker.terminate();
    return { before, isAwake, after, errors };
  }, GGUF);
  expect(result.after).toBe(result.before);
  expect(result.isAwake).toBe(false);
  for (const error of result.errors) {
    expect(error).toMatchObject({ code: "internal", retryable: false, message: expect.stringMatching(/load the model again.*index out of bounds/) });
  }
});

/** The contexts of the loads that, as notes in the store say, are under way. */
const attempts = (page: Page) =>
  page.evaluate(async () => {
    const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle("minions-web", { create: true });
    const contexts: (number | undefined)[] = [];
    for await (const [name, file] of (folder as any).entries()) {
      if (!name.endsWith(".attempt")) continue;
      const note = JSON.parse((await (await file.getFile()).text()) || "{}") as { contextLength?: number };
      contexts.push(note.contextLength);
    }
    return contexts;
  });

/** Starts a load of a stored model that gets stuck when the engine begins to read it; resolves then. */
const getStuck = (page: Page, options: object) =>
  page.evaluate(
    ({ url, options }) =>
      new Promise<void>((resolve) => {
        const worker = new Worker("/pages/stuck-worker.js", { type: "module" });
        const onProgress = ({ phase }: { phase: string }) => phase === "download" && resolve();
        void minions.Engine.load(url, { device: "cpu", worker, onProgress, ...options });
      }),
    { url: GGUF, options },
  );

test("a load that its tab did not survive is tried again with less, once", async ({ page, context, complaints }) => {
  await open(page);
  const cautions = () => page.evaluate(() => progress.filter(({ phase }) => phase === "caution"));
  const contextLength = () => page.evaluate(() => engine.model.contextLength as number);
  /** A tab that is about to die, in a load of so much context. */
  const die = async (options: object, contextLength: number) => {
    const victim = await context.newPage();
    await listen(victim, complaints);
    await open(victim);
    await getStuck(victim, options);
    await expect.poll(() => attempts(page)).toEqual([contextLength]);
    return victim;
  };
  await page.evaluate((url) => minions.models.download(url), GGUF);
  const victim = await die({ contextLength: 1800, cacheTokens: 3000 }, 1800);
  await load(page, { contextLength: 1800 });
  expect(await cautions(), "the other tab lives").toEqual([]);
  expect(await contextLength()).toBe(1800);
  await page.evaluate(() => engine.unload());
  await victim.close();

  await load(page, { contextLength: 1800, cacheTokens: 3000 });
  expect(await cautions()).toEqual([{ phase: "caution", loaded: 0, total: 0, contextLength: 900, cacheTokens: 1500 }]);
  expect(await contextLength()).toBe(900);
  expect(await attempts(page)).toEqual([]);
  await page.evaluate(() => engine.unload());

  await load(page, { contextLength: 1800 });
  expect((await cautions()).length, "the last load was good").toBe(1);
  expect(await contextLength()).toBe(1800);
  await page.evaluate(() => engine.unload());

  // What is not said is what the engine takes by itself; no load goes below 512 tokens.
  await (await die({}, 4096)).close();
  await (await die({}, 2048)).close();
  await (await die({ contextLength: 700 }, 700)).close();
  await load(page);
  expect((await cautions()).slice(1)).toEqual([{ phase: "caution", loaded: 0, total: 0, contextLength: 512, cacheTokens: 512 }]);
  expect(await contextLength()).toBe(512);
});

test("a load that ends otherwise leaves no note", async ({ page, complaints }) => {
  complaints.allow(/Failed to load resource/);
  await open(page);
  const error = await page.evaluate(async (url) => {
    const broken = new File([(await (await fetch(url)).blob()).slice(0, 100_000)], "broken.gguf");
    return describe(minions.Engine.load({ file: broken }, { device: "cpu" }));
  }, GGUF);
  expect(error).toMatchObject({ code: "invalid_model" });
  expect(await attempts(page)).toEqual([]);

  const aborted = await page.evaluate(async (url) => {
    const controller = new AbortController();
    const onProgress = ({ phase }: { phase: string }) => phase === "upload" && controller.abort();
    return describe(minions.Engine.load(url, { device: "cpu", signal: controller.signal, onProgress }));
  }, GGUF);
  expect(aborted).toMatchObject({ name: "AbortError" });
  await expect.poll(() => attempts(page)).toEqual([]);
  await load(page);
  expect(await page.evaluate(() => progress.some(({ phase }) => phase === "caution"))).toBe(false);
});
