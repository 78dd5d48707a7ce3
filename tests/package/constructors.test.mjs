// The static constructors of the GPU runtime run once, not at every call.
//
// Unless someone calls `__wasm_call_ctors`, the linker wraps every export in a call of it: correct, and a hundred times
// slower (`crates/minions-web/src/start.rs`). A wrapper is a function of its own, named `EXPORT.command_export`.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { pkg } from "./harness.mjs";

const wasm = await readFile(join(pkg, "wasm", "minions_web_bg.wasm"));

test("no export is wrapped in a call of the constructors", () => {
  const names = wasm.toString("latin1");
  assert.ok(names.includes("__wasm_call_ctors"), "the wasm has the names of its functions, so that this test can see");
  assert.ok(!names.includes(".command_export"), "an export is wrapped: is __wasm_call_ctors called in the start function?");
});

test("a thousand small calls take no time", async () => {
  const { initSync, memoryBytes } = await import(pathToFileURL(join(pkg, "wasm", "minions_web.js")));
  initSync({ module: await WebAssembly.compile(wasm) });
  const started = performance.now();
  for (let call = 0; call < 1000; call++) memoryBytes();
  // Measured: 4300 ms with the wrappers, below 1 ms without.
  assert.ok(performance.now() - started < 200);
});
