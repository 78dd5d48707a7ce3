// What `npm publish` would send: exactly these files, and nothing of the machine that built them.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { homedir, hostname } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { pack, pkg, root } from "./harness.mjs";

const MODULES = [
  "asks", "catalogue", "chat", "controller", "engine", "errors", "estimate", "events", "feed", "host", "index", "loading", "model", "models", "options", "presets",
  "protocols", "providers",
  "readable", "rpc", "run", "sources", "start", "subgroups", "support", "types", "wire", "worker",
  ...["arrival", "digest", "file", "gate", "hub", "inflight", "memory", "meter", "model", "pieces", "request", "retry"].map((name) => `download/${name}`),
  ...["attempt", "entry", "folder", "speed", "writer"].map((name) => `store/${name}`),
];

const FILES = [
  "LICENSE-APACHE",
  "LICENSE-MIT",
  "README.md",
  "THIRD-PARTY-NOTICES.md",
  "package.json",
  ...MODULES.flatMap((name) => [`${name}.d.ts`, `${name}.js`, `${name}.js.map`]),
  "wasm/minions_web.d.ts",
  "wasm/minions_web.js",
  "wasm/minions_web_bg.wasm",
].sort();

test("the package holds these files and no others", async (t) => {
  const { files } = await pack(t);
  assert.deepEqual(files.map(({ path }) => path).sort(), FILES);
});

test("no file names the machine that built it", async () => {
  const places = [root, homedir(), `${homedir()}/.cargo`, "/rustc/", ...(hostname().length > 8 ? [hostname()] : [])];
  for (const file of FILES) {
    const text = await readFile(join(pkg, file), "latin1");
    // A home folder as short as "/" or "/root" would be found in unrelated text; the folders within would not.
    const found = places.filter((place) => place.length > 6 && place !== "/rustc/" && text.includes(place));
    assert.deepEqual(found, [], `${file} names ${found}`);
  }
});

test("the package declares what it is and needs nothing else", async () => {
  const declared = JSON.parse(await readFile(join(pkg, "package.json"), "utf8"));
  assert.deepEqual(Object.keys(declared.dependencies ?? {}), []);
  assert.equal(declared.type, "module");
  for (const entry of Object.values(declared.exports)) {
    for (const path of typeof entry === "string" ? [entry] : Object.values(entry)) {
      assert.ok(path === "./package.json" || FILES.includes(path.slice(2)), `${path} is exported and exists`);
    }
  }
});
