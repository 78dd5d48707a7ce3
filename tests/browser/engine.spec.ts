/** The built package in an empty page: loading, chat completions, errors, and the numbers themselves. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import type { Page } from "@playwright/test";
import { expect, origin, test } from "./fixtures.js";
import { patched } from "./gguf.mjs";
import { secrets } from "./watch.js";

/* What runs inside the page; `pages/blank.js` puts it there. */
declare const minions: any;
declare const connect: (script?: string) => { worker: Worker; client: any };

interface Golden {
  label: string;
  messages: { role: string; content: string }[];
  ids: number[];
  argmax: number[];
  logsumexp: number[];
  last_top: [number, number][];
  greedy: string;
  logits: { offset: number; rows: number; columns: number; first_position: number };
}

const fixture = (name: string) => readFileSync(new URL(`../fixtures/demo-worker/${name}`, import.meta.url));
const goldens = () => JSON.parse(fixture("golden.json").toString()) as { max_new_tokens: number; prompts: Golden[] };
const gguf = () => readFileSync(new URL("../../www/public/models/demo-worker.gguf", import.meta.url));

const GGUF = "/models/demo-worker.gguf";
const FOLDER = "/fixtures/demo-worker/";

/** The weights are the file's own, so only the order of sums differs from the goldens'. */
const MAX_LOGIT_DIFFERENCE = 2e-3;
/** What Q8_0 may turn the logits by. */
const MIN_COSINE = 0.999;

async function open(page: Page): Promise<void> {
  await page.goto(`${origin()}/pages/blank.html`);
  await page.waitForFunction(() => "minions" in globalThis);
}

/** Loads a model as `engine` of the page. */
async function load(page: Page, url = GGUF): Promise<void> {
  await open(page);
  await page.evaluate(async (url) => {
    Object.assign(globalThis, { engine: await minions.Engine.load(url) });
  }, url);
}

declare const engine: any;

const QUESTION = [
  {
    role: "system",
    content:
      "You answer questions about the document below. Use only the document and quote the words that answer. " +
      "If the document does not say, say so.\n\n## Document\n" +
      secrets.add("The tenant is Mara Olden. The notice period is 60 days."),
  },
  { role: "user", content: "What is the notice period?" },
];

test("says what the browser can do, and reports loading as it goes", async ({ page }) => {
  await open(page);
  const { support, phases, model, adapter } = await page.evaluate(async (url) => {
    const phases: { phase: string; loaded?: number; total?: number }[] = [];
    const support = await minions.Engine.isSupported();
    const engine = await minions.Engine.load(url, { onProgress: (progress: (typeof phases)[0]) => phases.push(progress) });
    return { support, phases, model: engine.model, adapter: engine.adapter };
  }, GGUF);
  expect(support).toMatchObject({ webgpu: true });
  expect(support.adapter).not.toBe("");
  expect(adapter).toMatchObject({ kind: "gpu", reason: null });
  expect(model).toMatchObject({ architecture: "llama", contextLength: 2048, quantization: "F16 + Q8_0" });
  expect(model.parameters).toBeGreaterThan(1e6);

  const names = phases.map(({ phase }) => phase);
  expect(names.at(-1)).toBe("ready");
  for (const phase of ["download", "upload"]) {
    const steps = phases.filter((progress) => progress.phase === phase);
    expect(steps.length, phase).toBeGreaterThan(0);
    const loaded = steps.map((step) => step.loaded!);
    expect(loaded).toEqual(loaded.toSorted((a, b) => a - b));
    expect(loaded.at(-1)).toBe(steps.at(-1)!.total);
  }
});

test("completes a chat, whole and as a stream", async ({ page }) => {
  await load(page);
  const { whole, chunks, final } = await page.evaluate(async (messages) => {
    const whole = await engine.chat.completions.create({ messages, max_tokens: 24 });
    const stream = await engine.chat.completions.create({ messages, max_tokens: 24, stream: true });
    const chunks = [];
    for await (const chunk of stream) chunks.push(chunk);
    return { whole, chunks, final: await stream.finalCompletion() };
  }, QUESTION);
  expect(whole).toMatchObject({ object: "chat.completion", choices: [{ index: 0, message: { role: "assistant" } }] });
  expect(whole.choices[0].message.content).toMatch(/\w+ \w+/);
  expect(whole.choices[0].finish_reason).toBe("stop");
  const { prompt_tokens, completion_tokens, total_tokens } = whole.usage;
  expect(prompt_tokens).toBeGreaterThan(20);
  expect(completion_tokens).toBeGreaterThan(2);
  expect(total_tokens).toBe(prompt_tokens + completion_tokens);

  const text = chunks.map((chunk) => chunk.choices[0].delta.content ?? "").join("");
  expect(text).toBe(whole.choices[0].message.content);
  expect(final.choices[0].message.content).toBe(text);
  expect(chunks[0].choices[0].delta.role).toBe("assistant");
  expect(chunks.at(-1).choices[0].finish_reason).toBe("stop");
  expect(chunks.at(-1).usage.completion_tokens).toBe(completion_tokens);
  expect(chunks.length).toBeGreaterThan(3);
});

test("samples the same for the same seed, and differently for another", async ({ page }) => {
  await load(page);
  const replies = await page.evaluate(async () => {
    const messages = [{ role: "user", content: "Tell me something." }];
    const say = async (seed: number) => {
      const options = { temperature: 1.5, top_p: 0.98, top_k: 200, max_tokens: 12, seed };
      return (await engine.chat.completions.create({ messages, ...options })).choices[0].message.content as string;
    };
    return [await say(7), await say(7), await say(8), await say(9)];
  });
  expect(replies[1]).toBe(replies[0]);
  expect(new Set(replies).size).toBeGreaterThan(1);
});

test("ends at a stop text and at max_tokens", async ({ page }) => {
  await load(page);
  const { free, word, stopped, short } = await page.evaluate(async (messages) => {
    const say = async (options: object) => {
      const { choices, usage } = await engine.chat.completions.create({ messages, max_tokens: 24, ...options });
      return { text: choices[0].message.content as string, reason: choices[0].finish_reason, tokens: usage.completion_tokens };
    };
    const free = await say({});
    // The last word of the reply: it comes in pieces, of which none may be let through.
    const word = free.text.trim().split(/\s+/).at(-1)!;
    return { free, word, stopped: await say({ stop: ["never said", word] }), short: await say({ max_tokens: 3 }) };
  }, QUESTION);
  expect(stopped.text).toBe(free.text.slice(0, free.text.indexOf(word)));
  expect(stopped.reason).toBe("stop");
  expect(short).toMatchObject({ reason: "length", tokens: 3 });
  expect(free.text.startsWith(short.text)).toBe(true);
});

test("stops within one step when aborted, and goes on with the next call", async ({ page }) => {
  await load(page);
  const result = await page.evaluate(async () => {
    const dispatches = async () => (await engine.client.call("counters", null)).dispatches as number;
    const rest = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));
    const messages = [{ role: "user", content: "Tell me something." }];
    const body = { messages, max_tokens: 400, temperature: 2, top_k: 1000, seed: 3 };

    // What one step costs, from two lengths of the same reply.
    const cost = async (max_tokens: number) => {
      const before = await dispatches();
      await engine.chat.completions.create({ ...body, max_tokens });
      return (await dispatches()) - before;
    };
    await cost(2);
    const perStep = ((await cost(6)) - (await cost(2))) / 4;

    const controller = new AbortController();
    const stream = await engine.chat.completions.create({ ...body, stream: true }, { signal: controller.signal });
    let chunks = 0;
    let name = "";
    let atAbort = 0;
    try {
      for await (const _ of stream) {
        if (++chunks === 3) {
          controller.abort();
          atAbort = await dispatches();
        }
      }
    } catch (error) {
      name = (error as Error).name;
    }
    const final = await stream.finalCompletion().catch((error: Error) => error.name);
    await rest(1000);
    const afterwards = (await dispatches()) - atAbort;

    // Leaving a loop early is an abort as well.
    for await (const _ of await engine.chat.completions.create({ ...body, stream: true })) break;
    const left = await dispatches();
    await rest(1000);
    const afterLeaving = (await dispatches()) - left;

    const aborted = await engine.chat.completions
      .create(body, { signal: AbortSignal.abort("no more") })
      .catch((reason: unknown) => reason);
    const next = await engine.chat.completions.create({ ...body, max_tokens: 2 });
    return { chunks, name, final, perStep, afterwards, afterLeaving, aborted, next: next.usage.completion_tokens };
  });
  expect(result).toMatchObject({ chunks: 3, name: "AbortError", final: "AbortError", aborted: "no more", next: 2 });
  expect(result.perStep).toBeGreaterThan(0);
  // The step under way when the abort arrives may still end.
  expect(result.afterwards).toBeLessThanOrEqual(result.perStep * 1.5);
  expect(result.afterLeaving).toBeLessThanOrEqual(result.perStep * 1.5);
});

test("refuses what does not fit or makes no sense, and goes on", async ({ page }) => {
  await load(page);
  const errors = await page.evaluate(async () => {
    const failing = async (body: object) => {
      try {
        await engine.chat.completions.create(body);
        return "no error";
      } catch (error) {
        const { name, code, message } = error as Error & { code: string };
        return `${name} ${code} ${message}`;
      }
    };
    const user = (content: string) => [{ role: "user", content }];
    return {
      long: await failing({ messages: user("word ".repeat(3000)) }),
      none: await failing({ messages: [] }),
      reply: await failing({ messages: user("a"), max_tokens: 2047 }),
      unknown: await failing({ messages: user("a"), best_of: 2 }),
      bias: await failing({ messages: user("a"), logit_bias: { 99999: 2 } }),
      schema: await failing({
        messages: user("a"),
        response_format: { type: "json_schema", json_schema: { name: "a", schema: { type: "strange" } } },
      }),
      negative: await failing({ messages: user("a"), temperature: -1 }),
      after: (await engine.chat.completions.create({ messages: user("What is the heart rate?"), max_tokens: 2 })).object,
    };
  });
  expect(errors.long).toMatch(/^MinionsError context_overflow .*2048/);
  expect(errors.none).toMatch(/^MinionsError invalid_request /);
  expect(errors.reply).toMatch(/^MinionsError context_overflow .*2047.*2048/);
  expect(errors.unknown).toMatch(/^MinionsError invalid_request .*best_of/);
  expect(errors.bias).toMatch(/^MinionsError invalid_request .*logit_bias/);
  expect(errors.schema).toMatch(/^MinionsError invalid_request .*schema: /);
  expect(errors.negative).toMatch(/^MinionsError invalid_request .*temperature/);
  expect(errors.after).toBe("chat.completion");
});

test("names what is wrong with a bad file, and loads a good one afterwards", async ({ page, complaints }) => {
  complaints.allow(/Failed to load resource.*404/);
  const file = gguf();
  const cases: [name: string, bytes: Buffer, code: string, message: RegExp][] = [
    ["wrong-magic", patched(file, (copy) => copy.write("GGML", 0)), "invalid_model", /magic|GGUF/i],
    ["old-version", patched(file, (copy) => copy.writeUInt32LE(1, 4)), "invalid_model", /version/],
    ["empty", Buffer.alloc(0), "invalid_model", /empty|short|end/i],
    ["cut-in-header", file.subarray(0, 1000), "invalid_model", /./],
    ["cut-in-weights", file.subarray(0, Math.floor(file.length * 0.6)), "invalid_model", /blk\.|token_embd|output/],
    [
      "unknown-architecture",
      patched(file, (copy, { keys }) => copy.write("lxama", keys.get("general.architecture")!.valueAt + 8)),
      "unknown_model",
      /lxama/,
    ],
    [
      "unknown-type",
      patched(file, (copy, { tensors }) => copy.writeUInt32LE(99, tensors.get("blk.0.attn_q.weight")!.typeAt)),
      "unknown_model",
      /blk\.0\.attn_q\.weight/,
    ],
    [
      "out-of-bounds",
      patched(file, (copy, { tensors }) => copy.writeBigUInt64LE(2n ** 40n, tensors.get("blk.1.ffn_up.weight")!.offsetAt)),
      "invalid_model",
      /blk\.1\.ffn_up\.weight/,
    ],
    [
      "missing-tensor",
      patched(file, (copy, { tensors }) => copy.write("blk.0.attn_x", tensors.get("blk.0.attn_k.weight")!.nameAt)),
      "invalid_model",
      /blk\.0\.attn_k/,
    ],
    [
      "no-tokenizer",
      patched(file, (copy, { keys }) => copy.write("tokenizer.ggml.tokenz", keys.get("tokenizer.ggml.tokens")!.keyAt)),
      "invalid_model",
      /token/,
    ],
    [
      "endless-string",
      patched(file, (copy, { keys }) => copy.writeBigUInt64LE(2n ** 62n, keys.get("general.architecture")!.valueAt)),
      "invalid_model",
      /./,
    ],
  ];
  const folder = new URL("./results/generated/", import.meta.url);
  mkdirSync(folder, { recursive: true });
  await open(page);
  const failing = (url: string) =>
    page.evaluate(async (url) => {
      try {
        await minions.Engine.load(url);
        return { code: "loaded", message: "" };
      } catch (error) {
        const { code, message } = error as Error & { code: string };
        return { code, message };
      }
    }, url);
  for (const [name, bytes, code, message] of cases) {
    await test.step(name, async () => {
      writeFileSync(new URL(`${name}.gguf`, folder), bytes);
      const error = await failing(`/generated/${name}.gguf`);
      expect.soft(error, name).toMatchObject({ code, message: expect.stringMatching(message) });
    });
  }
  expect(await failing("/generated/not-there.gguf")).toMatchObject({ code: "download_failed", message: expect.stringMatching(/404/) });
  expect(await failing("/generated/not-there/")).toMatchObject({ code: "download_failed", message: expect.stringMatching(/config\.json/) });
  expect(await failing("/models/demo-worker.md")).toMatchObject({ code: "unknown_model" });
  const name = await page.evaluate(async (url) => (await minions.Engine.load(url)).model.architecture, GGUF);
  expect(name).toBe("llama");
});

test("reports a panic, and the model can be loaded again", async ({ page, complaints }) => {
  complaints.allow(/panic/);
  await open(page);
  const result = await page.evaluate(async (url) => {
    const worker = new Worker("/pages/panicking-worker.js", { type: "module" });
    const broken = await minions.Engine.load(url, { worker });
    const messages = [{ role: "user", content: "Tell me something." }];
    const running = broken.chat.completions.create({ messages, max_tokens: 300, temperature: 2, seed: 1 });
    worker.postMessage({ panic: "index out of bounds" });
    const describe = ({ name, code, message }: Error & { code: string }) => ({ name, code, message });
    const first = await running.catch(describe);
    const second = await broken.chat.completions.create({ messages, max_tokens: 2 }).catch(describe);
    worker.terminate();
    const again = await minions.Engine.load(url);
    const reply = await again.chat.completions.create({ messages, max_tokens: 2 });
    return { first, second, tokens: reply.usage.completion_tokens };
  }, GGUF);
  expect(result.first).toMatchObject({ name: "MinionsError", code: "internal", message: expect.stringMatching(/index out of bounds/) });
  expect(result.second).toMatchObject({ name: "MinionsError", code: "internal" });
  expect(result.tokens).toBe(2);
});

test("unloads, and says so to later calls", async ({ page }) => {
  await load(page);
  const error = await page.evaluate(async () => {
    await engine.unload();
    return engine.chat.completions.create({ messages: [{ role: "user", content: "a" }] }).catch((error: Error) => error.message);
  });
  expect(error).toContain("unloaded");
});

test("keeps its cache in 8 bits if that is asked for", async ({ page }) => {
  await open(page);
  const ids = Array.from({ length: 40 }, (_, i) => (97 * i) % 4096);
  const scores: Float32Array[] = [];
  for (const kvCache of ["f32", "q8_0"]) {
    await page.evaluate(async ([url, kvCache]) => {
      Object.assign(globalThis, { engine: await minions.Engine.load(url, { kvCache }) });
    }, [GGUF, kvCache]);
    scores.push(await logits(page, ids));
    await page.evaluate(() => engine.unload());
  }
  const similar = cosine(scores[0]!, scores[1]!);
  expect(similar).toBeGreaterThanOrEqual(MIN_COSINE);
  expect(similar).toBeLessThan(1);
  const refused = await page.evaluate(async (url) => {
    const failure = await minions.Engine.load(url, { kvCache: "q4_0" }).catch((error: unknown) => error);
    return { code: failure.code, message: failure.message };
  }, GGUF);
  expect(refused).toMatchObject({ code: "invalid_request", message: expect.stringContaining("f32 or q8_0") });
});

/** Scores after each id, as many rows as ids. */
async function logits(page: Page, ids: number[]): Promise<Float32Array> {
  const base64 = await page.evaluate(async (ids) => {
    const scores = (await engine.client.call("logits", new Uint32Array(ids))) as Float32Array;
    const bytes = new Uint8Array(scores.buffer, scores.byteOffset, scores.byteLength);
    let text = "";
    for (let at = 0; at < bytes.length; at += 32768) text += String.fromCharCode(...bytes.subarray(at, at + 32768));
    return btoa(text);
  }, ids);
  const bytes = Buffer.from(base64, "base64");
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
}

test("computes what transformers computes", async ({ page, complaints }) => {
  test.setTimeout(600_000);
  // Files that a Hugging Face folder may lack are asked for.
  complaints.allow(/Failed to load resource.*404/);
  const { prompts, max_new_tokens } = goldens();
  const rows = fixture("golden-logits.bin");
  const exact: Float32Array[] = [];

  await test.step("the folder in Hugging Face's layout", async () => {
    await load(page, FOLDER);
    for (const golden of prompts) {
      const { offset, columns, rows: count, first_position } = golden.logits;
      const ids = await page.evaluate(async (messages) => [...(await engine.client.call("tokenize", { messages }))], golden.messages);
      expect(ids, golden.label).toEqual(golden.ids);
      const scores = await logits(page, golden.ids);
      exact.push(scores);
      expect(scores.length).toBe(golden.ids.length * columns);
      let worst = 0;
      for (let at = 0; at < count * columns; at++) {
        worst = Math.max(worst, Math.abs(scores[first_position * columns + at]! - rows.readFloatLE(offset + 4 * at)));
      }
      expect(worst, `${golden.label}: largest difference`).toBeLessThanOrEqual(MAX_LOGIT_DIFFERENCE);
      for (const [position, expected] of golden.logsumexp.entries()) {
        const row = scores.subarray(position * columns, (position + 1) * columns);
        const top = row.reduce((best, score) => Math.max(best, score), -Infinity);
        expect(Math.abs(row[golden.argmax[position]!]! - top), `${golden.label}, ${position}: most probable token`).toBeLessThan(
          MAX_LOGIT_DIFFERENCE,
        );
        const sum = top + Math.log(row.reduce((sum, score) => sum + Math.exp(score - top), 0));
        expect(Math.abs(sum - expected), `${golden.label}, ${position}: log of the sum`).toBeLessThan(MAX_LOGIT_DIFFERENCE);
      }
    }
  });

  await test.step("replies word for word", async () => {
    for (const golden of prompts) {
      const text = await page.evaluate(
        async ({ messages, max_tokens }) =>
          (await engine.chat.completions.create({ messages, max_tokens, temperature: 0 })).choices[0].message.content as string,
        { messages: golden.messages, max_tokens: max_new_tokens },
      );
      expect(text, golden.label).toBe(golden.greedy);
    }
  });

  await test.step("the quantised file, in nearly the same direction everywhere", async () => {
    await load(page, GGUF);
    for (const [index, golden] of prompts.entries()) {
      // Of the long prompts one is enough here; the native tests compare them all.
      if (golden.ids.length > 300 && golden.label !== "chat, record") continue;
      const columns = golden.logits.columns;
      const quantised = await logits(page, golden.ids);
      const similar = golden.ids.map((_, position) => {
        const [from, to] = [position * columns, (position + 1) * columns];
        return cosine(exact[index]!.subarray(from, to), quantised.subarray(from, to));
      });
      expect(Math.min(...similar), `${golden.label}: smallest cosine`).toBeGreaterThanOrEqual(MIN_COSINE);
    }
  });
});

function cosine(a: Float32Array, b: Float32Array): number {
  let [dot, aa, bb] = [0, 0, 0];
  for (let at = 0; at < a.length; at++) {
    dot += a[at]! * b[at]!;
    aa += a[at]! ** 2;
    bb += b[at]! ** 2;
  }
  return dot / Math.sqrt(aa * bb);
}
