// Projects of other bundlers than Vite (the examples use that one): each is built from the tarball, served and opened.
import assert from "node:assert/strict";
import { cp, readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { addModel, npm, open, project, serve } from "./harness.mjs";
import { QUESTION, complete } from "./program.mjs";

const PAGE = ["index.html", "main.js"].map((name) => fileURLToPath(new URL(`bundlers/${name}`, import.meta.url)));

process.env.NEXT_TELEMETRY_DISABLED = "1";

/** By name; `minified`, what the page loads before it starts a worker, where that is a script with nothing of the bundler's own in it. */
const BUNDLERS = { esbuild: { minified: "main.js" }, rollup: {}, webpack: {}, next: {} };

/** What all of the facade may take compressed: it is there before anything is asked of it. */
const FACADE_BYTES = 12_200;

for (const [bundler, { minified }] of Object.entries(BUNDLERS)) {
  test(`answers in a page built by ${bundler}`, { timeout: 300_000 }, async (t) => {
    const folder = await project(t, `bundlers/${bundler}`);
    for (const file of PAGE) await cp(file, join(folder, file.slice(file.lastIndexOf("/"))));
    await npm(folder, "run", "--silent", "build");
    const dist = join(folder, "dist");
    const built = await readdir(dist, { recursive: true });
    assert.equal(built.filter((name) => name.endsWith(".wasm")).length, 1, `one copy of the wasm: ${built}`);
    if (minified) {
      const bytes = gzipSync(await readFile(join(dist, minified)), { level: 9 }).length;
      assert.ok(bytes <= FACADE_BYTES, `the facade is ${bytes} bytes compressed, of ${FACADE_BYTES}`);
    }

    await addModel(dist);
    // Without WebGPU: bundles do not differ in what the device does, and SwiftShader is slow to compile.
    const { page, errors } = await open(t, await serve(t, dist), "none");
    await page.waitForFunction(() => window.minions);
    const { completion } = await page.evaluate(complete, { device: "auto", question: QUESTION });
    assert.notEqual(completion.choices[0].message.content, "");
    assert.deepEqual(errors, []);
  });
}
