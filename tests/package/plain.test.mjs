// A page without a bundler: `<script type="module">` and the package's files as they are.
import assert from "node:assert/strict";
import { test } from "node:test";
import { addModel, open, project, serve } from "./harness.mjs";
import { QUESTION, complete } from "./program.mjs";

test("answers in a plain page, on the GPU", { timeout: 300_000 }, async (t) => {
  const folder = await project(t, "plain");
  await addModel(folder);
  const { page, errors } = await open(t, await serve(t, folder));
  const { adapter, progress, chunks, completion } = await page.evaluate(complete, { device: "gpu", question: QUESTION });

  assert.equal(adapter.kind, "gpu");
  assert.equal(adapter.reason, null);
  const phases = [...new Set(progress.map(({ phase }) => phase))];
  assert.deepEqual(phases.filter((phase) => phase !== "compile"), ["download", "upload", "ready"]);

  const text = chunks.map((chunk) => chunk.choices[0].delta.content ?? "").join("");
  assert.equal(completion.choices[0].message.content, text);
  assert.notEqual(text, "");
  assert.equal(chunks[0].choices[0].delta.role, "assistant");
  assert.deepEqual(chunks.at(-1).usage, completion.usage);
  assert.equal(completion.usage.total_tokens, completion.usage.prompt_tokens + completion.usage.completion_tokens);
  assert.deepEqual(errors, []);
});

test("falls back to the CPU, and says why", { timeout: 300_000 }, async (t) => {
  const folder = await project(t, "plain");
  await addModel(folder);
  const { page, errors } = await open(t, await serve(t, folder), "none");
  const { adapter, completion } = await page.evaluate(complete, { device: "auto", question: QUESTION });

  assert.equal(adapter.kind, "cpu");
  assert.match(adapter.reason, /WebGPU/);
  assert.notEqual(completion.choices[0].message.content, "");
  assert.deepEqual(errors, []);
});
