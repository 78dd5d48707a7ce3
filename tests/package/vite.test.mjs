// A Vite project that installs the package: its build, and its development server.
import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { addModel, npm, open, project, serve } from "./harness.mjs";
import { QUESTION, complete } from "./program.mjs";

const program = { device: "gpu", question: QUESTION };

test("answers in a page built by Vite", { timeout: 600_000 }, async (t) => {
  const folder = await project(t, "vite-app");
  await npm(folder, "run", "--silent", "build");
  const dist = join(folder, "dist");
  const built = await readdir(join(dist, "assets"));
  assert.equal(built.filter((name) => name.endsWith(".wasm")).length, 1, `one copy of the wasm: ${built}`);

  await addModel(dist);
  const { page, errors } = await open(t, await serve(t, dist));
  const { adapter, completion } = await page.evaluate(complete, program);
  assert.equal(adapter.kind, "gpu");
  assert.notEqual(completion.choices[0].message.content, "");
  assert.deepEqual(errors, []);
});

test("answers in a page served by Vite", { timeout: 600_000 }, async (t) => {
  const folder = await project(t, "vite-app");
  await addModel(folder);
  const vite = await import(pathToFileURL(join(folder, "node_modules", "vite", "dist", "node", "index.js")));
  const server = await vite.createServer({ root: folder, server: { host: "127.0.0.1", port: 0 }, logLevel: "warn" });
  t.after(() => server.close());
  await server.listen();
  const { page, errors } = await open(t, server.resolvedUrls.local[0]);
  const { completion } = await page.evaluate(complete, program);
  assert.notEqual(completion.choices[0].message.content, "");
  assert.deepEqual(errors, []);
});
