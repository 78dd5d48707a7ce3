// The packed tarball, as others' tools judge it.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { pack } from "./harness.mjs";

const ATTW = fileURLToPath(new URL("node_modules/@arethetypeswrong/cli/dist/index.js", import.meta.url));

// The wasm is no module: only its address is taken, and that has no types.
const ATTW_OPTIONS = ["--profile", "esm-only", "--exclude-entrypoints", "./minions.wasm", "--no-color", "--no-emoji"];

test("publint has nothing to say", { timeout: 60_000 }, async (t) => {
  const { tarball } = await pack(t);
  const bytes = new Uint8Array(await readFile(tarball));
  const { messages, pkg: declared } = await publint({ pack: { tarball: bytes.buffer }, strict: true });
  assert.equal(declared.name, "minions-web");
  assert.deepEqual(messages.map((message) => formatMessage(message, declared)), []);
});

test("every import finds its types", { timeout: 60_000 }, async (t) => {
  const { tarball } = await pack(t);
  const { error, output } = await new Promise((resolve) => {
    execFile(process.execPath, [ATTW, tarball, ...ATTW_OPTIONS], (error, stdout, stderr) => resolve({ error, output: stdout + stderr }));
  });
  assert.equal(error, null, output);
  assert.match(output, /"minions-web\/worker"/);
});
