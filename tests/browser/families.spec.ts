/** Every family in a browser against `transformers`: the folders of `tests/fixtures/families`, as `tests/families.rs` reads them. */
import { readdirSync, readFileSync } from "node:fs";
import type { Page } from "@playwright/test";
import { expect, origin, test } from "./fixtures.js";

/* What runs inside the page; `pages/blank.js` puts it there. */
declare const minions: any;
declare const engine: any;

interface Golden {
  vocab_size: number;
  columns: number;
  logit_step: number;
  runs: { context_length: number; prompt: string; ids: number[]; greedy_ids: number[]; greedy: string; first_row: number }[];
}

/** Float32 sums in another order, and half a step of the goldens. */
const MAX_LOGIT_DIFFERENCE = 1e-3;

const folder = new URL("../fixtures/families/", import.meta.url);
const families = readdirSync(folder, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name)
  .sort();

test.beforeAll(() => expect(families.length).toBeGreaterThan(10));

for (const family of families) {
  test(`computes ${family} as transformers does`, async ({ page, complaints }) => {
    test.setTimeout(300_000);
    // Files that a Hugging Face folder may lack are asked for.
    complaints.allow(/Failed to load resource.*404/);
    const golden = JSON.parse(readFileSync(new URL(`${family}/golden.json`, folder)).toString()) as Golden;
    const rows = readFileSync(new URL(`${family}/golden-logits.bin`, folder));
    for (const run of golden.runs) {
      await page.goto(`${origin()}/pages/blank.html`);
      await page.waitForFunction(() => "minions" in globalThis);
      const text = await page.evaluate(
        async ({ url, contextLength, prompt, max_tokens }) => {
          Object.assign(globalThis, { engine: await minions.Engine.load(url, { contextLength }) });
          const messages = [{ role: "user", content: prompt }];
          const reply = await engine.chat.completions.create({ messages, max_tokens, temperature: 0 });
          return reply.choices[0].message.content as string;
        },
        {
          url: `/fixtures/families/${family}/`,
          contextLength: run.context_length,
          prompt: run.prompt,
          max_tokens: run.greedy_ids.length,
        },
      );
      expect(text, `${family}, ${run.ids.length} tokens: greedy reply`).toBe(run.greedy);
      const scores = await logits(page, run.ids);
      expect(scores.length).toBe(run.ids.length * golden.vocab_size);
      let worst = 0;
      for (let position = 0; position < run.ids.length; position++) {
        for (let column = 0; column < golden.columns; column++) {
          const at = (run.first_row + position) * golden.columns + column;
          const expected = rows.readInt16LE(2 * at) * golden.logit_step;
          worst = Math.max(worst, Math.abs(scores[position * golden.vocab_size + column]! - expected));
        }
      }
      expect(worst, `${family}, ${run.ids.length} tokens: largest difference`).toBeLessThanOrEqual(MAX_LOGIT_DIFFERENCE);
    }
  });
}

/** Scores after each id, as many rows as ids. */
async function logits(page: Page, ids: number[]): Promise<number[]> {
  return page.evaluate(async (ids) => [...((await engine.client.call("logits", new Uint32Array(ids))) as Float32Array)], ids);
}
