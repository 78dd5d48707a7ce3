// What is written for people: no link leads nowhere, and every error has its advice.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { pkg, root } from "./harness.mjs";

const documents = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "*.md"], { cwd: root, encoding: "utf8" })
  .split("\n")
  .filter((path) => path && existsSync(join(root, path)));

/** A heading's name in addresses, as GitHub makes it. */
const anchor = (heading) => heading.toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, "").trim().replace(/\s/g, "-");

const anchors = async (path) => {
  const text = await readFile(path, "utf8");
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading]) => anchor(heading));
};

test("every link between documents leads somewhere", async () => {
  const broken = [];
  for (const path of documents) {
    const text = (await readFile(join(root, path), "utf8")).replace(/^```.*?^```/gms, "");
    for (const [, target] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      const [file, heading] = target.split("#");
      const to = file ? join(root, dirname(path), file) : join(root, path);
      const found = existsSync(to) && (!heading || (await anchors(to)).includes(heading));
      if (!found) broken.push(`${path}: ${target}`);
    }
  }
  assert.ok(documents.length > 10, "there are documents");
  assert.deepEqual(broken, []);
});

test("troubleshooting has a word about every error code, and about no other", async () => {
  const declared = await readFile(join(pkg, "events.d.ts"), "utf8");
  const [, union] = /export type ErrorCode =([^;]+);/.exec(declared);
  const codes = [...union.replace(/\/\*.*?\*\//gs, "").matchAll(/"(\w+)"/g)].map(([, code]) => code);
  const guide = await readFile(join(root, "docs/guides/troubleshooting.md"), "utf8");
  const headings = [...guide.matchAll(/^## (\w+)$/gm)].map(([, heading]) => heading);
  assert.ok(codes.length > 10);
  assert.deepEqual(headings.toSorted(), codes.toSorted());
});
