// The declarations: a strict user's program, the events that Rust serializes, and what the wasm really exports.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { pkg, project, root, scratch } from "./harness.mjs";

const TSC = fileURLToPath(new URL("node_modules/typescript/bin/tsc", import.meta.url));

/** The compiler's complaints. */
function check(folder, ...options) {
  return new Promise((resolve) => {
    execFile(process.execPath, [TSC, "--project", folder, ...options], (_, stdout, stderr) => resolve(stdout + stderr));
  });
}

test("a strict program compiles, and Rust's events are TypeScript's", { timeout: 120_000 }, async (t) => {
  const folder = await project(t, "types");
  assert.equal(await check(folder), "");
  assert.equal(await check(folder, "--module", "NodeNext", "--moduleResolution", "NodeNext"), "");
});

test("the wasm exports what the worker's script calls", { timeout: 120_000 }, async (t) => {
  const folder = await scratch(t);
  await cp(join(root, "crates", "minions-web", "js"), join(folder, "declared"), { recursive: true });
  await cp(pkg, join(folder, "built"), { recursive: true, filter: (path) => !path.endsWith(".wasm") });
  await cp(join(root, "tests", "package", "types", "tsconfig.json"), join(folder, "tsconfig.json"));
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "wasm.ts"), WASM);
  assert.equal(await check(folder, "--lib", "ESNext,DOM,DOM.Iterable,DOM.AsyncIterable"), "");
});

// Member by member: TypeScript takes two classes with private constructors for different ones.
const WASM = `
import type * as declared from "./declared/wasm/minions_web.js";
import * as built from "./built/wasm/minions_web.js";

type Instance<C> = C extends { prototype: infer I } ? I : never;

export const init: typeof declared.default = built.default;
export const load: (typeof declared.Engine)["load"] = built.Engine.load;
export const engine: Instance<typeof declared.Engine> = null as unknown as Instance<typeof built.Engine>;
export const stream: Instance<typeof declared.Stream> = null as unknown as Instance<typeof built.Stream>;
export const rest: Omit<typeof declared, "default" | "Engine" | "Stream"> = built;
`;
