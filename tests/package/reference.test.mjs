// The reference that typedoc makes of the declarations: everything a user can name has its words, and every link leads on.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { exists, project } from "./harness.mjs";

test("all that is exported is documented", { timeout: 120_000 }, async (t) => {
  const folder = await project(t, "reference");
  const typedoc = join(folder, "node_modules", "typedoc", "bin", "typedoc");
  const complaints = await new Promise((resolve) => {
    execFile(process.execPath, [typedoc, "--logLevel", "Warn"], { cwd: folder }, (_, stdout, stderr) => resolve(stdout + stderr));
  });
  assert.equal(complaints, "");
  assert.ok(await exists(join(folder, "out", "classes", "Engine.html")));
});
