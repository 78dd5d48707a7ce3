// Measures the built package in Chromium: how fast, and with how many calls to the GPU.
//   node bench.mjs [kernels | jobs | load | page] [--quick] [--json FILE]
//
// Counts are exact and the same on every machine; times are the machine's. On a software adapter times say nothing about
// a GPU: compare them with earlier times of the same machine only. `MINIONS_BROWSER_ADAPTER=hardware` measures the GPU,
// as does `MINIONS_ADAPTER=hardware`, which `cargo xtask bench` sets where there is one.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { launchOptions } from "./browser.mjs";
import { provider } from "../package/provider.mjs";
import { makeRecords } from "./records.mjs";
import { SHAPE_15M, SHAPE_500MB, writeRandomModel } from "./random-model.mjs";
import { serve } from "./server.mjs";

const args = process.argv.slice(2);
const only = ["kernels", "jobs", "load", "page"].find((part) => args.includes(part));
const quick = args.includes("--quick");
const jsonFile = args.includes("--json") ? args[args.indexOf("--json") + 1] : undefined;

const DECODE_TOKENS = quick ? 9 : 65;
/** No new measurement begins after this long, so that a slow adapter does not hold up everything else. */
const BUDGET_MS = quick ? 180_000 : 1_800_000;

const started = performance.now();
const rows = [];
const generated = fileURLToPath(new URL("./results/generated/", import.meta.url));
mkdirSync(generated, { recursive: true });
writeRandomModel(`${generated}/random-135m.gguf`);
writeRandomModel(`${generated}/random-15m.gguf`, SHAPE_15M);

const server = await serve(0, { ranges: true });
const wanted = process.env.MINIONS_BROWSER_ADAPTER ?? process.env.MINIONS_ADAPTER;
const browser = await chromium.launch(launchOptions(wanted === "hardware" ? wanted : "software"));
try {
  if (!only) await measureProtocol();
  if (!only || only === "kernels") await measureKernels();
  if (!only || only === "jobs") {
    await measureJobs("demo", "/models/demo-worker.gguf");
    await measureJobs("15m", "/generated/random-15m.gguf");
  }
  if (!only) {
    await measure("demo", "/models/demo-worker.gguf", [128, 512]);
    await measure("135m", "/generated/random-135m.gguf", quick ? [128] : [128, 512]);
  }
  if (only === "load" || !(only || quick)) await measureLoad();
  if (!only || only === "page") await measurePage();
} finally {
  await browser.close();
  await server.close();
}

console.log(table(rows));
if (jsonFile) writeFileSync(jsonFile, `${JSON.stringify(rows, null, 1)}\n`);

/** MinionS without its models. */
async function measureProtocol() {
  const page = await browser.newPage();
  await page.goto(`${server.origin}/pages/blank.html`);
  await page.waitForFunction(() => "connect" in globalThis);
  const { jobs, ms } = await page.evaluate(async () => {
    const { client, worker } = connect();
    const fastest = await client.call("rehearse", { wasmUrl: null });
    worker.terminate();
    return fastest;
  });
  rows.push({ suite: "browser", case: `minions-${jobs}-jobs`, metric: "protocol_seconds", value: round(ms / 1000), unit: "s", adapter: "none" });
  await page.close();
}

/** The page: when its button is there, and how long it keeps the main thread and how far it moves while a run of sixty jobs streams. */
async function measurePage() {
  const page = await browser.newPage();
  await page.addInitScript(() => {
    globalThis.tasks = [];
    new PerformanceObserver((list) => tasks.push(...list.getEntries().map(({ duration }) => duration))).observe({ type: "longtask", buffered: true });
    globalThis.shifts = [];
    new PerformanceObserver((list) => shifts.push(...list.getEntries().map(({ value }) => value))).observe({ type: "layout-shift", buffered: true });
    new MutationObserver((_, observer) => {
      if (!document.querySelector("[data-testid=run]")) return;
      globalThis.interactive = performance.now();
      observer.disconnect();
    }).observe(document, { childList: true, subtree: true });
  });
  await page.goto(server.origin);
  await page.waitForSelector("body[data-worker=ready]", { timeout: 120_000 });
  const adapter = (await page.getByTestId("adapter").innerText()).trim();
  const add = (name, metric, value, unit) => rows.push({ suite: "browser", case: name, metric, value: round(value), unit, adapter });
  add("page", "interactive_ms", await page.evaluate(() => interactive), "ms");
  add("page-load", "longest_task_ms", await page.evaluate(() => Math.max(0, ...tasks.splice(0))), "ms");

  const { document, records } = makeRecords(60, 7);
  const ends = [];
  const { address } = await provider({ after: (end) => ends.push(end) }, [
    "Each record is short.",
    { chunking: { by: "page" }, tasks: [{ task: "What is the LDL cholesterol?" }] },
    { decision: "provide_final_answer", answer: "Several.", evidence: [1] },
  ]);
  await page.getByTestId("document").fill(document);
  await page.getByTestId("supervisor-server").check();
  await page.getByTestId("provider").selectOption("other");
  await page.getByTestId("base-url").fill(address);
  await page.getByTestId("model").fill("scripted");
  await page.getByTestId("key").fill("sk-test-of-the-bench");
  await page.getByTestId("protocol").selectOption("minions");
  await page.evaluate(() => [tasks, shifts].forEach((list) => list.splice(0)));
  await browser.startTracing(page, { categories: ["devtools.timeline", "toplevel"] });
  await page.getByTestId("run").click();
  await page.waitForSelector("body[data-run=answered]", { timeout: 300_000 });
  add(`page-${records.length}-jobs`, "longest_task_cpu_ms", longestTask(JSON.parse(await browser.stopTracing())), "ms");
  add(`page-${records.length}-jobs`, "longest_task_ms", await page.evaluate(() => Math.max(0, ...tasks)), "ms");
  add(`page-${records.length}-jobs`, "long_tasks", await page.evaluate(() => tasks.length), "1");
  add(`page-${records.length}-jobs`, "layout_shift", await page.evaluate(() => shifts.reduce((sum, shift) => sum + shift, 0)), "1");
  for (const end of ends) end();
  await page.close();
}

/**
 * The most milliseconds that a task of a trace kept a page's main thread computing. A software adapter takes the cores that the
 * page runs on, and what a task waits for one of them is not the page's.
 */
function longestTask({ traceEvents }) {
  const threadOf = ({ pid, tid }) => `${pid}/${tid}`;
  const main = new Set(traceEvents.filter(({ name, args }) => name === "thread_name" && args.name === "CrRendererMain").map(threadOf));
  const tasks = traceEvents.filter((event) => event.name.endsWith("RunTask") && main.has(threadOf(event)));
  return tasks.reduce((most, { tdur = 0 }) => Math.max(most, tdur), 0) / 1000;
}

/** Every kernel, and what part it is of the adapter's own ceilings, which are measured first. */
async function measureKernels() {
  const page = await browser.newPage();
  await page.goto(`${server.origin}/pages/blank.html`);
  await page.waitForFunction(() => "connect" in globalThis);
  const { adapter, speeds } = await page.evaluate(async (quick) => {
    const { client, worker } = connect();
    const speeds = await client.call("benchKernels", { wasmUrl: null, quick });
    worker.terminate();
    return { adapter: (await globalThis.minions.Engine.isSupported()).adapter, speeds };
  }, quick);
  const ceiling = (kernel, per) => {
    const { seconds, ...speed } = speeds.find((speed) => speed.kernel === kernel);
    return speed[per] / seconds;
  };
  const [copy, arithmetic] = [ceiling("stream_copy", "bytes"), ceiling("multiply_add", "flops")];
  for (const { kernel, shape, seconds, bytes, flops } of speeds) {
    const add = (metric, value, unit) =>
      rows.push({ suite: "browser", case: `${kernel} ${shape}`, metric, value: round(value), unit, adapter });
    add("bandwidth", bytes / seconds / 1e9, "GB/s");
    add("of_copy", bytes / seconds / copy, "1");
    if (flops === 0) continue;
    add("arithmetic", flops / seconds / 1e9, "GFLOP/s");
    add("of_multiply_add", flops / seconds / arithmetic, "1");
  }
  await page.close();
}

/**
 * Many short jobs over the chunks of a document: one by one as a plain engine would run them, then with one thing after
 * another that makes them cheaper. The native twin is `crates/minions-cli/src/bench/jobs.rs`.
 */
async function measureJobs(name, url) {
  const page = await browser.newPage();
  page.on("console", (message) => message.type() === "error" && console.error(`${name}: ${message.text()}`));
  await page.goto(`${server.origin}/pages/blank.html`);
  await page.waitForFunction(() => "minions" in globalThis);
  const { adapter } = await page.evaluate(loadModel, { url, contextLength: 1536 });
  const chunks = quick ? 5 : 20;
  await page.evaluate(runJobs, { name: "warm-up", together: true, shared: false, reply: "form", chunks: 1 });
  let base;
  for (const [part, together, shared, reply] of [
    ["one-by-one", false, false, "text"],
    ["batched", true, false, "text"],
    ["batched+prefix", true, true, "text"],
    ["batched+prefix+forced", true, true, "form"],
    ["batched+prefix+forced+abstain", true, true, "mostly absent"],
  ]) {
    const { jobs, seconds, tally, notes, tokens } = await page.evaluate(runJobs, { name: part, together, shared, reply, chunks });
    const add = (metric, value, unit) =>
      rows.push({ suite: "browser", case: `${name}-${jobs}-jobs-${part}`, metric, value: round(value), unit, adapter });
    add("jobs_per_s", jobs / seconds, "1/s");
    add("prefill_tokens", tally.prefillTokens, "1");
    add("decode_steps", tally.decodeSteps, "1");
    add("peak_pages", tally.peakPages, "1");
    for (const count of ["dispatches", "submits", "bind_groups"]) add(`${count}_per_token`, notes[count] / tokens, "1");
    add("readback_bytes_per_token", notes.readback_bytes / tokens, "B");
    base ??= { seconds, tally };
    if (!together) continue;
    add("times_one_by_one", base.seconds / seconds, "1");
    add("prefill_of_one_by_one", tally.prefillTokens / base.tally.prefillTokens, "1");
    add("steps_of_one_by_one", tally.decodeSteps / base.tally.decodeSteps, "1");
  }
  await page.close();
}

/** Loading half a gigabyte from the network and from the store, beside the same bytes fetched and hashed, and read. */
async function measureLoad() {
  const file = `${generated}/random-500mb.gguf`;
  writeRandomModel(file, SHAPE_500MB, "Q8_0");
  // A profile of its own: nothing is stored yet. One that is not on disk, as of a private window, stores in another process's memory.
  const profile = mkdtempSync(join(tmpdir(), "minions-bench-"));
  const context = await chromium.launchPersistentContext(profile, launchOptions(wanted === "hardware" ? wanted : "software"));
  const open = async () => {
    const page = await context.newPage();
    await page.goto(`${server.origin}/pages/blank.html`);
    await page.waitForFunction(() => "minions" in globalThis);
    return page;
  };
  const url = "/generated/random-500mb.gguf";
  const loaded = [];
  let page = await open();
  const best = [await page.evaluate(fetchAndHash, url)];
  loaded.push(await page.evaluate(loadAndSay, url));
  await page.close();
  page = await open();
  best.push(await page.evaluate(readStored));
  loaded.push(await page.evaluate(loadAndSay, url));
  await context.close();
  rmSync(profile, { recursive: true });
  rmSync(file);
  for (const [index, [name, bestName]] of [["first", "fetch_and_hash"], ["stored", "read"]].entries()) {
    const { adapter, weights, ready, token } = loaded[index];
    const add = (metric, value, unit) => rows.push({ suite: "browser", case: `load-500mb-${name}`, metric, value: round(value), unit, adapter });
    add(`${bestName}_seconds`, best[index], "s");
    add("weights_seconds", weights, "s");
    add("ready_seconds", ready, "s");
    add("first_token_seconds", token, "s");
    add(`weights_of_${bestName}`, best[index] / weights, "1");
    add(`first_token_of_${bestName}`, best[index] / token, "1");
  }
}

/** In the page: what any loader has to do at least. */
async function fetchAndHash(url) {
  const { default: init, Sha256 } = await import("/pkg/wasm/minions_web.js");
  await init();
  const started = performance.now();
  const sha256 = new Sha256();
  const { body } = await fetch(url, { cache: "no-store" });
  for (let reader = body.getReader(), read; !(read = await reader.read()).done; ) sha256.update(read.value);
  sha256.finish();
  return (performance.now() - started) / 1000;
}

/** In the page: the largest file in the store, in pieces as large as the loader's. */
async function readStored() {
  const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle("minions-web");
  let largest;
  for await (const handle of folder.values()) {
    const file = handle.kind === "file" && (await handle.getFile());
    if (file && file.size > (largest?.size ?? 0)) largest = file;
  }
  const started = performance.now();
  for (let at = 0; at < largest.size; at += 2 ** 24) await largest.slice(at, at + 2 ** 24).arrayBuffer();
  return (performance.now() - started) / 1000;
}

/** In the page: loads a model and has it say a token; when the weights were there, the model was ready, and the token came. */
async function loadAndSay(url) {
  const started = performance.now();
  const seconds = () => (performance.now() - started) / 1000;
  let weights = 0;
  const onProgress = ({ phase }) => phase === "upload" && (weights = seconds());
  const engine = await globalThis.minions.Engine.load(url, { onProgress });
  const ready = seconds();
  await engine.chat.completions.create({ messages: [{ role: "user", content: "Hello" }], max_tokens: 1 });
  const token = seconds();
  const { name: adapter } = engine.adapter;
  await engine.unload();
  return { adapter, weights, ready, token };
}

/** In the page: every task over every chunk. */
async function runJobs({ name, together, shared, reply, chunks }) {
  const { engine } = globalThis;
  const TASKS = 3;
  const CHUNK_TOKENS = 700;
  const length = async (content) => (await engine.client.call("tokenize", { messages: [{ role: "user", content }] })).length;
  const textOf = async (chunk) => {
    let text = "";
    for (let entry = 0; (await length(text)) < CHUNK_TOKENS; entry++) {
      text += `Record ${chunk}, entry ${entry}: the value that was measured is ${7 * entry + chunk}. `;
    }
    return text;
  };
  const form = (isAbsent) => {
    const string = (least) =>
      isAbsent ? { enum: [null, 0] } : { type: ["string", "null"], minLength: least, maxLength: least + 20 };
    const schema = {
      type: "object",
      properties: { explanation: string(60), citation: string(80), answer: string(30) },
      required: ["explanation", "citation", "answer"],
      additionalProperties: false,
    };
    return { type: "json_schema", json_schema: { name: "job", schema, strict: true } };
  };
  const rules = "Answer the task from the excerpt alone. Reply with one JSON object with the keys explanation, citation and answer.";
  const bodies = [];
  for (let chunk = 0; chunk < chunks; chunk++) {
    const text = await textOf(chunk);
    for (let task = 0; task < TASKS; task++) {
      // A beginning of the case's own keeps it from finding what another one has read.
      const beginning = shared ? `${name}: ` : `${name} ${chunk} ${task}: `;
      bodies.push({
        messages: [{ role: "user", content: `${beginning}${rules}\n\n## Excerpt\n${text}\n\n## Task\nWhich value does record ${task} state?` }],
        max_tokens: 90,
        // So hot that hardly any reply ends early.
        temperature: 50,
        seed: chunk * TASKS + task,
        ...(reply === "text" ? {} : { response_format: form(reply === "mostly absent" && chunk % 5 < 4) }),
      });
    }
  }
  const counts = async () => (await globalThis.meter("get")).notes.at(-1);
  const [before, atStart] = [await engine.client.call("tally", null), await counts()];
  const started = performance.now();
  const completions = [];
  if (together) completions.push(...(await Promise.all(bodies.map((body) => engine.chat.completions.create(body)))));
  else for (const body of bodies) completions.push(await engine.chat.completions.create(body));
  const seconds = (performance.now() - started) / 1000;
  const atEnd = await counts();
  const notes = Object.fromEntries(Object.keys(atEnd).map((key) => [key, atEnd[key] - (atStart?.[key] ?? 0)]));
  const after = await engine.client.call("tally", null);
  const tally = Object.fromEntries(Object.keys(after).map((key) => [key, key.endsWith("Pages") ? after[key] : after[key] - before[key]]));
  const tokens = completions.reduce((sum, { usage }) => sum + usage.completion_tokens, 0);
  return { jobs: bodies.length, seconds, tally, notes, tokens };
}

/** All rows of one model, in a page of its own. */
async function measure(name, url, prompts) {
  const page = await browser.newPage();
  page.on("console", (message) => message.type() === "error" && console.error(`${name}: ${message.text()}`));
  await page.goto(`${server.origin}/pages/blank.html`);
  await page.waitForFunction(() => "minions" in globalThis);
  const { adapter, seconds } = await page.evaluate(loadModel, { url });
  const add = (part, metric, value, unit) =>
    rows.push({ suite: "browser", case: part ? `${name}-${part}` : name, metric, value: round(value), unit, adapter });
  const wasmBytes = async () => (await page.evaluate(() => globalThis.meter("get"))).wasm_bytes;
  add("load", "load_seconds", seconds, "s");
  add("load", "peak_wasm_memory_bytes", await wasmBytes(), "B");

  // The first prompt pays for what is set up on first use; it is measured apart from the rest.
  await page.evaluate(complete, { tokens: 16, max_tokens: 2 });

  const decode = await page.evaluate(complete, { tokens: 32, max_tokens: DECODE_TOKENS });
  const step = perToken(decode);
  add("decode", "decode_tokens_per_s", step.tokens_per_s, "tokens/s");
  for (const count of ["dispatches", "passes", "submits", "bind_groups", "writes"]) add("decode", `${count}_per_token`, step[count], "1");
  for (const count of ["write_bytes", "readback_bytes", "mapped_bytes"]) add("decode", `${count}_per_token`, step[count], "B");

  for (const tokens of prompts) {
    if (performance.now() - started > BUDGET_MS) {
      console.error(`${name}-prefill-${tokens} left out: the time for --quick is used up`);
      continue;
    }
    const { prompt_tokens, milliseconds } = await page.evaluate(complete, { tokens, max_tokens: 1 });
    add(`prefill-${tokens}`, "prefill_tokens_per_s", prompt_tokens / (milliseconds / 1000), "tokens/s");
  }
  add("", "peak_wasm_memory_bytes", await wasmBytes(), "B");
  await page.close();
}

/** In the page: loads the model in a worker with a meter. */
async function loadModel({ url, contextLength }) {
  const channel = new BroadcastChannel("meter");
  globalThis.meter = (word) =>
    new Promise((resolve) => {
      channel.onmessage = ({ data }) => resolve(data);
      channel.postMessage(word);
    });
  const started = performance.now();
  const worker = new Worker("/pages/counting-worker.js", { type: "module" });
  globalThis.engine = await globalThis.minions.Engine.load(url, { worker, contextLength });
  return { adapter: globalThis.engine.adapter.name, seconds: (performance.now() - started) / 1000 };
}

/** In the page: one reply to a prompt of so many tokens, none of which the engine has seen before. */
async function complete({ tokens, max_tokens }) {
  const { engine } = globalThis;
  globalThis.turn = (globalThis.turn ?? 0) + 1;
  // Every prompt begins with a word of its own, so that nothing of it is cached.
  const words = `${"abcdefghij"[globalThis.turn % 10]} `.repeat(4 * tokens);
  const count = async (length) => {
    const messages = [{ role: "user", content: words.slice(0, length) }];
    return { messages, length: (await engine.client.call("tokenize", { messages })).length };
  };
  // The longest text that has no more than `tokens` tokens.
  let [low, high] = [1, words.length];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((await count(middle)).length <= tokens) low = middle;
    else high = middle - 1;
  }
  const { messages } = await count(low);

  await globalThis.meter("reset");
  const started = performance.now();
  const { usage } = await engine.chat.completions.create({
    messages,
    max_tokens,
    temperature: 0,
    // Where what was said counts, nothing is drafted: every token takes a step of its own.
    presence_penalty: 0.001,
  });
  const milliseconds = performance.now() - started;
  const { notes } = await globalThis.meter("get");
  const { cached_tokens } = usage.prompt_tokens_details;
  return { notes, milliseconds, prompt_tokens: usage.prompt_tokens - cached_tokens, completion_tokens: usage.completion_tokens };
}

/** What one decode step costs: from the read-back that ended the prefill to the last one. */
function perToken({ notes, completion_tokens }) {
  const [first, last] = [notes.at(0), notes.at(-1)];
  const steps = completion_tokens - 1;
  if (!first || steps < 1) throw new Error(`nothing was decoded: ${notes.length} read-backs, ${completion_tokens} tokens`);
  const per = Object.fromEntries(Object.keys(first).map((key) => [key, (last[key] - first[key]) / steps]));
  return { ...per, tokens_per_s: 1000 / per.at };
}

function round(value) {
  return Number(value.toPrecision(5));
}

function table(rows) {
  const cells = rows.map((row) => [row.case, row.metric, String(row.value), row.unit, row.adapter]);
  const head = ["case", "metric", "value", "unit", "adapter"];
  const widths = head.map((name, column) => Math.max(name.length, ...cells.map((row) => row[column].length)));
  return [head, ...cells].map((row) => row.map((cell, column) => cell.padEnd(widths[column])).join("  ").trimEnd()).join("\n");
}
