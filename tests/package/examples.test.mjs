// The examples, each installed with the tarball, built, and used as a reader would: a document, a question, the answer.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";
import { launchOptions } from "../browser/browser.mjs";
import { addModel, npm, open, pkg, project, root, serve, visit } from "./harness.mjs";
import { listen } from "./listen.mjs";
import { provider } from "./provider.mjs";

const timeout = 300_000;

const DOCUMENT = "The blood pressure is 160/100 mmHg. The heart rate is 92 bpm.";
const TASK = "What is the patient's blood pressure?";
const KEY = "sk-key-of-mine";
const REPLIES = [{ message: "What is the blood pressure?" }, { decision: "provide_final_answer", answer: "It is high." }];

// Without WebGPU: the examples do not differ in what the device does, and SwiftShader is slow to compile.
const ADAPTER = "none";

/** Fills in the page of an example. */
async function fill(page, address, fields = {}) {
  const texts = { Document: DOCUMENT, Question: TASK, Server: address, Key: KEY, ...fields };
  for (const [label, text] of Object.entries(texts)) await page.getByLabel(label).fill(text);
}

/** Asks, and looks at what is shown and what left. */
async function ask(t, { page, errors }) {
  const { address, requests } = await provider(t, REPLIES);
  await fill(page, address);
  await page.getByRole("button", { name: "Ask" }).click();
  await page.getByText("It is high.").waitFor();
  assert.equal(await page.getByRole("listitem").count(), 2);
  assert.deepEqual(requests.map(({ headers }) => headers.authorization), [`Bearer ${KEY}`, `Bearer ${KEY}`]);
  assert.ok(requests[0].body.includes(TASK) && !requests[0].body.includes(DOCUMENT), "the question leaves, the document does not");
  assert.deepEqual(errors, []);
}

test("every example names this version of the package, and is tested here", { timeout }, async () => {
  const read = async (...path) => JSON.parse(await readFile(join(...path), "utf8"));
  const { version } = await read(pkg, "package.json");
  const folders = (await readdir(join(root, "examples"), { withFileTypes: true })).filter((entry) => entry.isDirectory());
  assert.deepEqual(folders.map(({ name }) => name).sort(), ["cluster", "extension", "notebook", "react", "svelte", "vanilla"]);
  for (const { name } of folders) {
    const { dependencies } = await read(root, "examples", name, "package.json");
    assert.equal(dependencies["minions-web"], version, name);
  }
  for (const name of ["react", "svelte"]) {
    const { packages } = await read(root, "examples", name, "package-lock.json");
    assert.equal(packages["node_modules/minions-web"].version, version, name);
  }
});

test("vanilla: a page as it is", { timeout }, async (t) => {
  const folder = await project(t, "examples/vanilla");
  await addModel(folder, "worker.gguf");
  await ask(t, await open(t, await serve(t, folder), ADAPTER));
});

for (const name of ["react", "svelte"]) {
  test(`${name}: built by Vite`, { timeout }, async (t) => {
    const folder = await project(t, `examples/${name}`);
    await npm(folder, "run", "--silent", "build");
    const dist = join(folder, "dist");
    const built = await readdir(join(dist, "assets"));
    assert.equal(built.filter((file) => file.endsWith(".wasm")).length, 1, `one copy of the wasm: ${built}`);
    await addModel(dist, "worker.gguf");
    await ask(t, await open(t, await serve(t, dist), ADAPTER));
  });
}

test("react: served by Vite", { timeout }, async (t) => {
  const folder = await project(t, "examples/react");
  await addModel(folder, "worker.gguf");
  const vite = await import(pathToFileURL(join(folder, "node_modules", "vite", "dist", "node", "index.js")));
  const server = await vite.createServer({ root: folder, server: { host: "127.0.0.1", port: 0 }, logLevel: "warn" });
  try {
    await server.listen();
    await ask(t, await open(t, server.resolvedUrls.local[0], ADAPTER));
  } finally {
    // Before the folder is removed, into which it writes.
    await server.close();
  }
});

test("extension: loaded into the browser", { timeout }, async (t) => {
  const folder = await project(t, "examples/extension");
  await addModel(folder, "worker.gguf");
  const { args, ignoreDefaultArgs, ...options } = launchOptions(ADAPTER);
  // Extensions are in a browser's own profile only, not in the private ones that other tests' pages are in.
  const profile = await chromium.launchPersistentContext("", {
    ...options,
    args: [...args, "--enable-unsafe-extension-debugging"],
    ignoreDefaultArgs: [...ignoreDefaultArgs, "--disable-extensions"],
  });
  t.after(() => profile.close());
  const { id } = await (await profile.browser().newBrowserCDPSession()).send("Extensions.loadUnpacked", { path: folder });
  await ask(t, await visit(profile, `chrome-extension://${id}/page.html`));
});

test("notebook: an answer follows its question", { timeout }, async (t) => {
  const folder = await project(t, "examples/notebook");
  await addModel(folder, "worker.gguf");
  const second = [{ message: "What is the heart rate?" }, { decision: "provide_final_answer", answer: "It is regular." }];
  const { address, requests } = await provider(t, [...REPLIES, ...second]);
  const { page, errors } = await open(t, await serve(t, folder), ADAPTER);
  await fill(page, address);
  await page.getByLabel("Key").press("Enter");
  await page.getByText("It is high.").waitFor();
  await page.getByLabel("Question").fill("What is the patient's heart rate?");
  await page.getByLabel("Question").press("Enter");
  await page.getByText("It is regular.").waitFor();
  assert.equal(requests.length, 4);
  assert.deepEqual(errors, []);
});

/** A server of a cluster: says of each piece what it says of the heart rate. Tells how many requests it has had, and how many at a time. */
async function clusterServer(t) {
  const seen = { requests: 0, now: 0, most: 0 };
  const origin = await listen(t, async (request, response) => {
    seen.requests++;
    seen.most = Math.max(seen.most, ++seen.now);
    let body = "";
    for await (const piece of request) body += piece;
    const { messages, model } = JSON.parse(body);
    assert.equal(model, "reader");
    const [citation, value] = /heart rate is (\d+ bpm)/.exec(messages[0].content) ?? [null, null];
    const content = JSON.stringify({ explanation: "Read.", citation, answer: value });
    await new Promise((resolve) => setTimeout(resolve, 20));
    seen.now--;
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ choices: [{ message: { content }, finish_reason: "stop" }], usage: { prompt_tokens: 9, completion_tokens: 9 } }));
  });
  return { url: `${origin}/v1`, seen };
}

test("cluster: two servers read, and the supervisor sees what they found", { timeout }, async (t) => {
  const folder = await project(t, "examples/cluster");
  const [one, other] = [await clusterServer(t), await clusterServer(t)];
  const env = { ...process.env, CLUSTER: `${one.url},${other.url}`, MODEL: "reader", PORT: "0" };
  const service = spawn(process.execPath, ["server.js"], { cwd: folder, env, stdio: ["ignore", "pipe", "inherit"] });
  t.after(() => service.kill());
  const [line] = await once(service.stdout, "data");
  const { address, requests } = await provider(t, [
    "Look for bpm.",
    { chunking: { by: "section", size: 400, overlap: 0 }, tasks: [{ task: "Give the heart rate." }] },
    { decision: "provide_final_answer", answer: "It is 92 bpm.", evidence: [1] },
  ]);
  const { page, errors } = await open(t, String(line).trim(), ADAPTER);
  const filler = "Nothing of note was written down that day. ".repeat(200);
  await fill(page, address, { Document: `${filler}The heart rate is 92 bpm. ${filler}`, Question: "What is the heart rate?" });
  await page.getByRole("button", { name: "Ask" }).click();
  await page.getByText("It is 92 bpm.").waitFor();
  assert.ok(one.seen.requests > 5 && other.seen.requests > 5, JSON.stringify([one.seen, other.seen]));
  assert.ok(one.seen.most > 1 && other.seen.most > 1, "jobs are put many at a time");
  assert.ok(requests[2].body.includes("heart rate is 92 bpm"), "what was found goes up, with its quote");
  assert.ok(!requests.some(({ body }) => body.includes("Nothing of note")), "the document does not");
  assert.deepEqual(errors, []);
});
