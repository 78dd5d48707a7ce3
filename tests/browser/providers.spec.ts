/** Supervisors on every wire, asked from a real page: strict preflights, streams, and the headers that each may have. */
import type { Outcome } from "../../pkg/index.js";
import { expect, origin, test } from "./fixtures.js";

/* What runs inside the page; `pages/blank.js` puts it there. */
declare const minions: typeof import("../../pkg/index.js");

const KEY = "sk-test-of-a-package";
const ANSWER = "Grüße, 𝄞!";
/** Headers of a request that the page set itself, and not the browser. */
const OWN = ["authorization", "x-api-key", "anthropic-version", "anthropic-dangerous-direct-browser-access", "x-goog-api-key", "api-key"];

for (const { name, path, below, headers, models } of [
  { name: "openai", path: "/v1/chat/completions", below: "/v1", headers: { authorization: `Bearer ${KEY}` }, models: ["scripted"] },
  {
    name: "anthropic",
    path: "/v1/messages",
    below: "/v1",
    headers: { "x-api-key": KEY, "anthropic-version": "2023-06-01", "anthropic-dangerous-direct-browser-access": "true" },
    // The scripted server tells wires by the path, and this one is OpenAI's too.
    models: null,
  },
  { name: "ollama", path: "/api/chat", below: "", headers: {}, models: ["scripted:latest"] },
] as const) {
  test(`${name} answers the page`, async ({ page, supervisor }) => {
    await supervisor.script([{ type: "reply", content: ANSWER, piece_chars: 1 }]);
    await page.goto(`${origin()}/pages/blank.html`);
    await page.waitForFunction(() => "minions" in globalThis);
    const { outcome, listed } = await page.evaluate(
      async ({ name, baseURL, key, lists }) => {
        const worker = await minions.Engine.load("/models/demo-worker.gguf", { device: "cpu" });
        const options = { model: "scripted", baseURL };
        const cloud = name === "ollama" ? minions.ollama(options) : minions.provider(name, { ...options, apiKey: async () => key });
        const run = new minions.RemoteOnly({ worker, supervisor: cloud }).run({ task: "How are you?", context: ["A letter."] });
        return { outcome: (await run.result) as Outcome, listed: lists ? await worker.listModels(cloud) : null };
      },
      { name, baseURL: `${supervisor.origin}${below}`, key: KEY, lists: models !== null },
    );
    expect(outcome.answer).toBe(ANSWER);
    expect(outcome.usage.remote.completion_tokens).toBe(4);
    expect(outcome.usage.remote.estimated).toBeUndefined();
    expect(listed).toEqual(models);

    const [post, ...others] = await supervisor.posts();
    expect(others).toEqual([]);
    expect(post!.path).toBe(path);
    const own = Object.entries(post!.headers).filter(([header]) => OWN.includes(header));
    expect(Object.fromEntries(own)).toEqual(headers);
    expect(JSON.stringify(post!.body)).not.toContain(KEY);
  });
}

test("a supervisor that redirects is not followed", async ({ page, supervisor, complaints }) => {
  complaints.allow(/Failed to load resource|Fetch API cannot load/);
  await supervisor.script([{ type: "error", status: 307 }]);
  await page.goto(`${origin()}/pages/blank.html`);
  await page.waitForFunction(() => "minions" in globalThis);
  const code = await page.evaluate(
    async ({ baseURL, key }) => {
      const worker = await minions.Engine.load("/models/demo-worker.gguf", { device: "cpu" });
      const cloud = minions.anthropic({ model: "scripted", baseURL, apiKey: key, maxRetries: 0 });
      const run = new minions.RemoteOnly({ worker, supervisor: cloud }).run({ task: "How are you?", context: ["A letter."] });
      return run.result.then(() => "followed", (error: { code: string }) => error.code);
    },
    { baseURL: `${supervisor.origin}/v1`, key: KEY },
  );
  expect(code).toBe("network_error");
  expect((await supervisor.posts()).map(({ path }) => path)).toEqual(["/v1/messages"]);
});
