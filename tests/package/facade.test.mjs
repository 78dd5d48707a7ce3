// What the JavaScript promises beyond an answer: aborts, order, failures by code, runs, and what goes to the provider.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { makeRecords } from "../browser/records.mjs";
import { addModel, open, project, serve } from "./harness.mjs";
import { provider } from "./provider.mjs";

const timeout = 300_000;
const cleanups = [];
let page;

before(async () => {
  const t = { after: (cleanup) => cleanups.unshift(cleanup) };
  const folder = await project(t, "plain");
  await addModel(folder);
  // On the CPU: nothing here depends on the device, and its steps are slow enough to be aborted.
  ({ page } = await open(t, await serve(t, folder)));
  await page.evaluate(async () => {
    const { Engine } = window.minions;
    window.engine = await Engine.load("demo-worker.gguf", { device: "cpu" });
    window.hello = { messages: [{ role: "user", content: "What is the heart rate?" }], max_tokens: 24, temperature: 0 };
    window.failure = async (promise) => {
      const error = await Promise.resolve(promise).then(() => undefined, (error) => error);
      if (!error) return error;
      const { name, code, message, retryable, outcome } = error;
      return { name, code, message, retryable, outcome };
    };
    window.task = "What is the patient's blood pressure?";
    window.context = ["The blood pressure is 160/100 mmHg. The heart rate is 92 bpm."];
    window.recording = {
      label: "Recorded demonstration",
      task: window.task,
      replies: [
        { content: { message: "What is the blood pressure?" } },
        { content: { decision: "provide_final_answer", answer: "The worker said: {{worker.1}}" } },
      ],
    };
  });
}, { timeout });

after(async () => {
  for (const cleanup of cleanups) await cleanup();
});

test("a signal aborts with its own reason", { timeout }, async () => {
  const [plain, own, early] = await page.evaluate(async () => {
    const of = (body, options) => failure(engine.chat.completions.create(body, options));
    const controller = new AbortController();
    const aborted = of({ ...hello, max_tokens: 400 }, { signal: controller.signal });
    setTimeout(() => controller.abort());
    const reason = new AbortController();
    const custom = of({ ...hello, max_tokens: 400 }, { signal: reason.signal });
    setTimeout(() => reason.abort(new RangeError("enough")));
    return Promise.all([aborted, custom, of(hello, { signal: AbortSignal.abort() })]);
  });
  assert.equal(plain.name, "AbortError");
  assert.deepEqual([own.name, own.message], ["RangeError", "enough"]);
  assert.equal(early.name, "AbortError");
});

test("leaving the loop ends the generation, and the engine serves the next call", { timeout }, async () => {
  const { pieces, next } = await page.evaluate(async () => {
    const stream = await engine.chat.completions.create({ ...hello, max_tokens: 400, stream: true });
    let pieces = 0;
    for await (const _ of stream) if (++pieces === 2) break;
    const next = await engine.chat.completions.create(hello);
    return { pieces, next };
  });
  assert.equal(pieces, 2);
  assert.equal(next.object, "chat.completion");
});

test("a stream nobody reads does not hold up the next calls", { timeout }, async () => {
  const { contents, chunks, text } = await page.evaluate(async () => {
    const stream = await engine.chat.completions.create({ ...hello, stream: true });
    const completions = await Promise.all([1, 2, 3].map(() => engine.chat.completions.create(hello)));
    const contents = completions.map(({ choices }) => choices[0].message.content);
    const chunks = [];
    for (const reader = stream.toReadableStream().getReader(); ; ) {
      const { done, value } = await reader.read();
      if (done) break;
      chunks.push(value);
    }
    const { choices } = await stream.finalCompletion();
    return { contents, chunks: chunks.length, text: choices[0].message.content };
  });
  assert.ok(chunks > 1 && text.length > 0);
  assert.deepEqual(contents, [text, text, text]);
});

test("refuses what it cannot do, by name", { timeout }, async () => {
  const failures = await page.evaluate(() =>
    Promise.all([
      failure(engine.chat.completions.create({ ...hello, functions: [] })),
      failure(engine.chat.completions.create({ ...hello, max_tokens: "many" })),
      failure(engine.chat.completions.create({})),
      failure(engine.chat.completions.create({ messages: [null] })),
      failure(engine.chat.completions.create({ messages: [{ role: "user", content: "word ".repeat(5000) }] })),
    ]),
  );
  assert.deepEqual(failures.map(({ code }) => code), [...Array(4).fill("invalid_request"), "context_overflow"]);
  assert.match(failures[0].message, /functions/);
});

test("asks for calls of tools that fit their schemas, and takes what they gave", { timeout }, async () => {
  const { whole, chunks, streamed, next, wrong } = await page.evaluate(async () => {
    const parameters = { type: "object", required: ["days"], properties: { days: { type: "integer", minimum: 1, maximum: 7 } } };
    const tools = [{ type: "function", function: { name: "weather", description: "Tells the weather.", parameters } }];
    const body = { ...hello, max_tokens: 80, tools, tool_choice: "required", parallel_tool_calls: false };
    const whole = await engine.chat.completions.create(body);
    const stream = await engine.chat.completions.create({ ...body, stream: true });
    const chunks = [];
    for await (const chunk of stream) chunks.push(chunk.choices[0]);
    const streamed = await stream.finalCompletion();
    const { message } = whole.choices[0];
    const results = message.tool_calls.map(({ id }) => ({ role: "tool", content: "18 degrees", tool_call_id: id }));
    // As OpenAI's own replies have it.
    const messages = [...hello.messages, { ...message, content: null }, ...results];
    const next = await engine.chat.completions.create({ ...hello, tools, messages });
    const wrong = await failure(engine.chat.completions.create({ ...body, tool_choice: "any" }));
    return { whole, chunks, streamed, next, wrong };
  });
  const [{ message, finish_reason }] = whole.choices;
  assert.deepEqual([finish_reason, message.content, message.tool_calls.length], ["tool_calls", "", 1]);
  const [{ id, type, function: called }] = message.tool_calls;
  assert.deepEqual([id, type, called.name], ["call_0", "function", "weather"]);
  const { days } = JSON.parse(called.arguments);
  assert.ok(Number.isInteger(days) && days >= 1 && days <= 7, called.arguments);
  assert.deepEqual(streamed.choices[0].message, message);
  const last = chunks.at(-1);
  assert.deepEqual(last.delta.tool_calls, [{ index: 0, ...message.tool_calls[0] }]);
  assert.equal(last.finish_reason, "tool_calls");
  assert.ok(next.usage.prompt_tokens > whole.usage.prompt_tokens, "it reads the call and what it gave");
  assert.equal(wrong.code, "invalid_request");
  assert.match(wrong.message, /tool_choice is "auto", "none", "required"/);
});

test("says what is wrong with a model", { timeout }, async () => {
  const failures = await page.evaluate(() => {
    const { Engine } = window.minions;
    const load = (model) => failure(Engine.load(model, { device: "cpu" }));
    return Promise.all([
      load("nowhere.gguf"),
      load("page.html"),
      load("broken.gguf"),
      load({ file: new Blob(["<!doctype html>"]) }),
      load({ files: { "a.txt": new Blob(["a"]) } }),
      load("http://127.0.0.1:9/model.gguf"),
      load("model-00001-of-00002.gguf"),
      load({ files: { "model-00002-of-00002.gguf": new Blob(["GGUF"]) } }),
      load({ files: { "a.gguf": new Blob(["GGUF"]), "b.gguf": new Blob(["GGUF"]) } }),
    ]);
  });
  assert.deepEqual(
    failures.map(({ code }) => code),
    [
      ...["download_failed", "unknown_model", "invalid_model", "invalid_model", "invalid_model", "download_failed"],
      ...["download_failed", "invalid_model", "invalid_model"],
    ],
  );
  assert.match(failures[0].message, /nowhere\.gguf.*404/);
  assert.equal(failures[0].retryable, false);
  assert.equal(failures[5].retryable, true);
});

test("a web page in place of a model is called one", { timeout }, async () => {
  const error = await page.evaluate(() => failure(window.minions.Engine.load(new URL("./?file=", location).href)));
  assert.equal(error.code, "download_failed");
  assert.match(error.message, /web page|404/);
});

test("loading can be aborted", { timeout }, async () => {
  const error = await page.evaluate(() => {
    const controller = new AbortController();
    const onProgress = () => controller.abort();
    return failure(window.minions.Engine.load("demo-worker.gguf", { signal: controller.signal, onProgress }));
  });
  assert.equal(error.name, "AbortError");
});

test("loads a file of the user's", { timeout }, async () => {
  const phases = await page.evaluate(async () => {
    const blob = await (await fetch("demo-worker.gguf")).blob();
    const phases = [];
    const options = { device: "cpu", onProgress: ({ phase }) => phases.push(phase) };
    const loaded = await window.minions.Engine.load({ file: new File([blob], "mine.gguf") }, options);
    await loaded.chat.completions.create(hello);
    await loaded[Symbol.asyncDispose]();
    return phases;
  });
  assert.ok(!phases.includes("download") && phases.at(-1) === "ready");
});

test("quantises while it loads", { timeout }, async () => {
  const { quantization, error } = await page.evaluate(async () => {
    const load = (quantize) => window.minions.Engine.load("demo-worker.gguf", { device: "cpu", quantize });
    const error = await failure(load("q3"));
    const loaded = await load("q8_0");
    const { quantization } = loaded.model;
    await loaded.chat.completions.create(hello);
    await loaded.unload();
    return { quantization, error };
  });
  // Half of the file is in F16.
  assert.equal(quantization, "Q8_0");
  assert.equal(error.code, "invalid_request");
  assert.match(error.message, /q8_0 or q4_0/);
});

test("a run gives its result whether or not its events are read", { timeout }, async () => {
  const { outcome, types, same, ledger } = await page.evaluate(async () => {
    const { Minion, recorded } = window.minions;
    const minion = new Minion({ worker: engine, supervisor: recorded(recording), maxRounds: 2, workerMaxTokens: 24 });
    const seen = [];
    const run = minion.run({ task, context, onEvent: (event) => seen.push(event) });
    const outcome = await run.result;
    const events = [];
    for await (const event of run) events.push(event);
    return {
      outcome,
      types: [...new Set(events.map(({ type }) => type))],
      same: events.length === seen.length && events.every((event, at) => event === seen[at]),
      ledger: JSON.stringify(events.filter(({ type }) => type === "supervisor.request")),
    };
  });
  assert.match(outcome.answer, /^The worker said: /);
  assert.equal(outcome.rounds, 1);
  assert.ok(outcome.usage.local.completion_tokens > 0 && outcome.usage.remote.prompt_tokens > 0);
  assert.equal(types.at(0), "run.started");
  assert.equal(types.at(-1), "run.finished");
  assert.ok(same);
  assert.ok(!ledger.includes("92 bpm"), "the document stays here");
});

test("one run at a time; an aborted one makes room", { timeout }, async (t) => {
  const { address } = await provider(t, []);
  const { busy, aborted, answer } = await page.evaluate(async (baseURL) => {
    const { Minion, openaiCompatible, recorded } = window.minions;
    const waiting = new Minion({ worker: engine, supervisor: openaiCompatible({ baseURL, model: "m" }) });
    let first;
    await new Promise((asked) => {
      const onEvent = ({ type }) => type === "supervisor.request" && asked();
      first = waiting.run({ task, context, onEvent });
    });
    const minion = new Minion({ worker: engine, supervisor: recorded(recording) });
    const busy = await failure(minion.run({ task, context }).result);
    first.abort();
    const aborted = await failure(first.result);
    const { answer } = await minion.run({ task, context }).result;
    return { busy, aborted, answer };
  }, address);
  assert.equal(busy.code, "busy");
  assert.equal(aborted.name, "AbortError");
  assert.ok(answer);
});

test("a run that cannot start says why", { timeout }, async () => {
  const failures = await page.evaluate(() => {
    const { Minion, openai, recorded } = window.minions;
    const result = (supervisor, request) => failure(new Minion({ worker: engine, supervisor }).run(request).result);
    return (async () => [
      await result(recorded(recording), { task: " ", context }),
      await result(recorded(recording), { task: "another task", context }),
      await result(openai({ model: "m", apiKey: () => "" }), { task, context }),
    ])();
  });
  assert.deepEqual(failures.map(({ code }) => code), ["invalid_request", "invalid_request", "auth_failed"]);
});

test("sends the provider the key and the conversation, and nothing else", { timeout }, async (t) => {
  const { address, requests } = await provider(t, [
    { message: "What is the blood pressure?" },
    { decision: "provide_final_answer", answer: "high" },
  ]);
  const { answer, heard } = await page.evaluate(async (baseURL) => {
    const { Minion, openaiCompatible } = window.minions;
    document.cookie = "session=secret";
    const supervisor = openaiCompatible({ baseURL, model: "scripted", apiKey: async () => "sk-key-of-mine" });
    const heard = [];
    const run = new Minion({ worker: engine, supervisor, workerMaxTokens: 24 }).run({ task, context });
    for await (const event of run) heard.push(event);
    return { answer: (await run.result).answer, heard: JSON.stringify([heard, supervisor]) };
  }, address);
  assert.equal(answer, "high");
  assert.equal(requests.length, 2);
  for (const { url, headers, body } of requests) {
    assert.equal(url, "/v1/chat/completions");
    assert.equal(headers.authorization, "Bearer sk-key-of-mine");
    assert.deepEqual([headers.cookie, headers.referer], [undefined, undefined]);
    const own = Object.keys(headers).filter((name) => !BY_BROWSER.test(name));
    assert.deepEqual(own.sort(), ["authorization", "content-type"]);
    assert.ok(!body.includes("92 bpm"), "the document stays here");
  }
  assert.ok(!heard.includes("sk-key-of-mine"), "no event holds the key");
});

test("MinionS reads every record, keeps what it can prove, and counts what it costs", { timeout }, async (t) => {
  const { records, document } = makeRecords(40, 7);
  const truth = records.flatMap(({ number, facts }) => (facts["Heart rate"] ? [[number, facts["Heart rate"]]] : []));
  const { address, requests } = await provider(t, [
    "Look for the line.",
    { chunking: { by: "page" }, tasks: [{ task: "What is the heart rate?" }] },
    { reasoning: "Done.", decision: "provide_final_answer", answer: "All read.", evidence: [truth[0][0]] },
  ]);
  const { outcome, types, counts } = await page.evaluate(async ({ baseURL, document }) => {
    const { Minions, openaiCompatible } = window.minions;
    const supervisor = openaiCompatible({ baseURL, model: "gpt-4o" });
    const run = new Minions({ worker: engine, supervisor, workerMaxTokens: 64 }).run({ task: "Heart rates?", context: [document] });
    const events = [];
    for await (const event of run) events.push(event);
    const { counts } = events.find(({ type }) => type === "jobs.filtered");
    return { outcome: await run.result, types: events.map(({ type }) => type), counts };
  }, { baseURL: address, document });
  assert.equal(outcome.answer, "All read.");
  assert.deepEqual(outcome.evidence.map(({ chunkId, answer }) => [chunkId, answer]), truth);
  assert.equal(counts.absent, 40 - truth.length);
  assert.ok(outcome.evidence.every(({ quote }) => document.includes(quote)));
  assert.deepEqual(types.filter((type) => type === "job.finished").length, 40);
  // The stand-in tells 10 + 5 tokens a call; gpt-4o is in the table of prices.
  assert.deepEqual([outcome.usage.remote.prompt_tokens, outcome.usage.remote.completion_tokens], [30, 15]);
  assert.equal(outcome.cost.spent, (30 * 2.5 + 15 * 10) / 1e6);
  assert.ok(outcome.remoteOnly.prompt_tokens > 2000, "what it would have cost to send the document");
  assert.equal(requests.length, 3);
  assert.ok(!requests.some(({ body }) => body.includes("Record number")), "the document stays here");
});

test("local only answers without a supervisor, remote only sends the document, auto says what it chose", { timeout }, async (t) => {
  const { address, requests } = await provider(t, ["It is 160/100 mmHg."]);
  const [local, remote, auto] = await page.evaluate(async (baseURL) => {
    const { Auto, LocalOnly, RemoteOnly, openaiCompatible } = window.minions;
    const supervisor = openaiCompatible({ baseURL, model: "m" });
    const request = { task: "What is the blood pressure?", context };
    const outcomes = [];
    outcomes.push(await new LocalOnly({ worker: engine, workerMaxTokens: 64 }).run(request).result);
    outcomes.push(await new RemoteOnly({ worker: engine, supervisor }).run(request).result);
    const run = new Auto({ worker: engine, supervisor, costSensitivity: "max", localOnly: { workerMaxTokens: 64 } }).run(request);
    for await (const event of run) if (event.type === "protocol.chosen") outcomes.push({ ...event, ...(await run.result) });
    return outcomes;
  }, address);
  assert.match(local.answer, /160\/100/);
  assert.equal(local.usage.remote.prompt_tokens, 0);
  assert.equal(remote.answer, "It is 160/100 mmHg.");
  assert.equal(requests.length, 1);
  assert.ok(requests[0].body.includes("92 bpm"), "remote only is the one that sends the document");
  assert.deepEqual([auto.protocol, auto.forecasts.length, auto.answer], ["local_only", 4, local.answer]);
});

test("any object with chat() is a supervisor or a worker, and without an engine neither is asked of one", { timeout }, async () => {
  const { outcome, asked, failures, isHeard } = await page.evaluate(async () => {
    const { LocalOnly, Minion, Minions, MinionsError } = window.minions;
    const task = "What is the heart rate?";
    const asked = [];
    const says = (who, ...replies) => ({
      contextLength: 512,
      async chat(request, { signal }) {
        asked.push({ who, ...request, signal: signal instanceof AbortSignal });
        return replies.shift() ?? { content: "nothing left to say" };
      },
    });
    const found = { content: JSON.stringify({ explanation: "It says so.", citation: "heart rate is 92", answer: "92 bpm" }) };
    const plan = { tasks: [{ task: "Give the heart rate." }] };
    const supervisor = says(
      "supervisor",
      { content: "Look for bpm." },
      { content: JSON.stringify(plan), usage: { prompt_tokens: 7, completion_tokens: 3 } },
      { content: JSON.stringify({ decision: "provide_final_answer", answer: "92 bpm", evidence: [1] }) },
    );
    const outcome = await new Minions({ worker: says("worker", found), supervisor }).run({ task, context }).result;

    const of = (worker) => failure(new LocalOnly({ worker }).run({ task, context }).result);
    const failures = await Promise.all([
      of({ chat: async () => { throw new MinionsError("rate_limited", "the cluster is busy"); } }),
      of({ chat: () => { throw new TypeError("no such host"); } }),
      of({ chat: async () => "a text" }),
      failure((async () => new Minion({ worker: {}, supervisor }))()),
      failure((async () => new Minion({ worker: engine, supervisor: "gpt-4o" }))()),
    ]);
    // Whoever aborts is heard by the model that is being asked.
    const isHeard = await new Promise((resolve) => {
      const worker = { chat: (_, { signal }) => new Promise(() => (signal.addEventListener("abort", () => resolve(true)), run.abort())) };
      const run = new LocalOnly({ worker }).run({ task, context });
    });
    return { outcome, asked, failures, isHeard };
  });
  assert.equal(outcome.answer, "92 bpm");
  assert.deepEqual(outcome.evidence.map(({ quote, isCited }) => [quote, isCited]), [["heart rate is 92", true]]);
  assert.deepEqual(asked.map(({ who, signal }) => [who, signal]), [["supervisor", true], ["supervisor", true], ["worker", true], ["supervisor", true]]);
  assert.ok(asked[2].messages[0].content.includes("92 bpm") && asked[2].response_format.type === "json_schema");
  assert.ok(!JSON.stringify(asked.filter(({ who }) => who === "supervisor")).includes("160/100"), "the document stays with the worker");
  assert.ok(outcome.usage.remote.estimated && outcome.usage.local.estimated, "what a model does not tell is estimated");
  assert.deepEqual(failures.map(({ code }) => code), ["rate_limited", "provider_error", "bad_reply", "invalid_request", "invalid_request"]);
  assert.match(failures[1].message, /the worker's chat\(\) failed: TypeError: no such host/);
  assert.ok(isHeard);
});

test("a run that was stopped goes on where it ended", { timeout }, async () => {
  const { stopped, calls, answer, isWhole } = await page.evaluate(async () => {
    const { Minion } = window.minions;
    const task = "What is the heart rate?";
    let calls = 0;
    const replies = [
      { message: "What is the heart rate?" },
      { decision: "request_additional_info", message: "And the blood pressure?" },
      { decision: "provide_final_answer", answer: "92 bpm" },
    ];
    const supervisor = { chat: async ({ messages }) => (calls++, { content: JSON.stringify(replies[(messages.length - 1) / 2]) }) };
    const minion = () => new Minion({ worker: engine, supervisor, workerMaxTokens: 24 });
    const first = minion().run({ task, context });
    const stopped = await failure((async () => {
      for await (const { type, round } of first) if (type === "round.started" && round === 2) first.abort();
    })());
    const { transcript } = first;
    const second = minion().run({ task, context, transcript });
    const { answer, transcript: whole } = await second.result;
    const isWhole = JSON.stringify(whole.turns.slice(0, transcript.turns.length)) === JSON.stringify(transcript.turns);
    return { stopped, calls, answer, isWhole: isWhole && whole.turns.length === 5 && transcript.turns.length === 3 };
  });
  assert.equal(stopped.name, "AbortError");
  assert.deepEqual([calls, answer, isWhole], [3, "92 bpm", true], "what was answered is not asked again");
});

test("estimates every protocol before a run, with the speed of this device", { timeout }, async () => {
  const { first, second, refused, aborted } = await page.evaluate(async () => {
    const { estimate, openai } = window.minions;
    const supervisor = openai({ model: "gpt-4o", apiKey: () => { throw new Error("nobody needs the key"); } });
    const request = { task: "What is the heart rate?", context: [context[0].repeat(200)] };
    const first = await estimate({ worker: engine, supervisor }, request);
    const second = await estimate({ worker: engine, costSensitivity: "max" }, request);
    const refused = await failure(estimate({ worker: { chat() {} } }, request));
    const aborted = await failure(estimate({ worker: engine }, { ...request, signal: AbortSignal.abort() }));
    return { first, second, refused, aborted };
  });
  assert.deepEqual(first.forecasts.map(({ protocol }) => protocol), ["minion", "minions", "local_only", "remote_only"]);
  const [, minions, local, remote] = first.forecasts;
  assert.ok(minions.cost > 0 && remote.cost > minions.cost && local.cost === 0);
  assert.ok(local.localCalls >= 4 && local.seconds > 0 && minions.seconds > local.seconds, JSON.stringify(first));
  assert.ok(remote.seconds > 1 && remote.seconds < 5 && remote.localCalls === 0 && remote.documentsLeave);
  assert.match(first.reason, /chunks/);
  assert.equal(first.protocol, "minions");
  assert.deepEqual([second.protocol, second.forecasts[1].cost], ["local_only", undefined]);
  assert.deepEqual(second.speed, first.speed, "it is remembered");
  assert.equal(refused.code, "invalid_request");
  assert.equal(aborted.name, "AbortError");
});

test("privacy hides names and identifiers, and puts them back into the answer", { timeout }, async (t) => {
  const { address, requests } = await provider(t, [{ decision: "provide_final_answer", answer: "Ask [PERSON_1]." }]);
  const { outcome, hidden } = await page.evaluate(async (baseURL) => {
    const { Minion, openaiCompatible } = window.minions;
    const request = { task: "Is Mara Olden (mara@example.org) well?", context: ["Patient name: Mara Olden\nHeart rate: 92 bpm"], privacy: {} };
    const run = new Minion({ worker: engine, supervisor: openaiCompatible({ baseURL, model: "m" }) }).run(request);
    let hidden = [];
    for await (const event of run) if (event.type === "privacy.applied") ({ hidden } = event);
    return { outcome: await run.result, hidden };
  }, address);
  assert.ok(hidden.some(({ kind }) => kind === "person") && hidden.some(({ kind }) => kind === "email"));
  assert.ok(!/Olden|Mara|example\.org/.test(requests[0].body), requests[0].body);
  assert.equal(outcome.answer, "Ask Mara Olden.");
});

test("says which option is impossible", { timeout }, async () => {
  const failures = await page.evaluate(async () => {
    const { Minions, recorded } = window.minions;
    const of = (options, request) =>
      failure(new Minions({ worker: engine, supervisor: recorded(recording), ...options }).run({ task, context, ...request }).result);
    const constructed = () => new Minions({ worker: {}, supervisor: recorded(recording) });
    return [
      await of({ maxRounds: 1.5 }, {}),
      await of({ maxRounds: 0 }, {}),
      await of({}, { context: "one text" }),
      await of({}, { price: { input: -1, output: 1 } }),
      await of({}, { privacy: { kinds: "person" } }),
      await of({}, { privacy: { kinds: ["shoe_size"] } }),
      await of({}, { seed: -1 }),
      await failure(new Promise((resolve) => resolve(constructed()))),
    ];
  });
  assert.deepEqual(new Set(failures.map(({ code }) => code)), new Set(["invalid_request"]));
  const messages = [/maxRounds is 1\.5/, /maxRounds is 0/, /context must/, /price\.input/, /privacy\.kinds/, /shoe_size/, /seed/, /worker must/];
  for (const [at, pattern] of messages.entries()) assert.match(failures[at].message, pattern);
});

test("a run that fails midway keeps what it had come to", { timeout }, async (t) => {
  const { address } = await provider(t, [{ message: "What is the blood pressure?" }], { then: 500 });
  const { error, last } = await page.evaluate(async (baseURL) => {
    const { Minion, openaiCompatible } = window.minions;
    const supervisor = openaiCompatible({ baseURL, model: "m", maxRetries: 0 });
    let last;
    const run = new Minion({ worker: engine, supervisor, workerMaxTokens: 24 }).run({ task, context, onEvent: (event) => (last = event) });
    return { error: await failure(run.result), last };
  }, address);
  assert.equal(error.code, "provider_error");
  assert.equal(last.type, "run.failed");
  assert.deepEqual(error.outcome, last.outcome);
  assert.ok(error.outcome.usage.local.completion_tokens > 0 && error.outcome.usage.remote.prompt_tokens === 10);
});

test("aborting a run ends the request", { timeout }, async (t) => {
  const { address, closed } = await provider(t, []);
  const error = await page.evaluate(async (baseURL) => {
    const { Minion, openaiCompatible } = window.minions;
    const run = new Minion({ worker: engine, supervisor: openaiCompatible({ baseURL, model: "m" }) }).run({ task, context });
    setTimeout(() => run.abort(), 300);
    return failure(run.result);
  }, address);
  assert.equal(error.name, "AbortError");
  await closed;
});

test("a provider that cannot be reached is a network error", { timeout }, async () => {
  const error = await page.evaluate(() => {
    const { Minion, openaiCompatible } = window.minions;
    const supervisor = openaiCompatible({ baseURL: "http://127.0.0.1:9/v1", model: "m", maxRetries: 0 });
    return failure(new Minion({ worker: engine, supervisor }).run({ task, context }).result);
  });
  assert.deepEqual([error.code, error.retryable], ["network_error", true]);
});

test("a worker that dies rejects what waits, and another can be started", { timeout }, async () => {
  const { dead, missing, next } = await page.evaluate(async () => {
    const { Engine } = window.minions;
    const worker = (url) => new Worker(url, { type: "module" });
    const dead = await failure(Engine.load("demo-worker.gguf", { worker: worker("dead-worker.js") }));
    const missing = await failure(Engine.load("demo-worker.gguf", { worker: worker("no-worker.js") }));
    const next = await Engine.load("demo-worker.gguf", { device: "cpu" });
    const completion = await next.chat.completions.create(hello);
    await next.unload();
    return { dead, missing, next: completion.object };
  });
  assert.equal(dead.code, "internal");
  assert.match(dead.message, /load the model again/);
  assert.equal(missing.code, "internal");
  assert.equal(next, "chat.completion");
});

test("a worker of the user's serves one engine after another", { timeout }, async () => {
  const { second, kept } = await page.evaluate(async () => {
    const { Engine } = window.minions;
    const worker = new Worker("/node_modules/minions-web/worker.js", { type: "module" });
    const first = await Engine.load("demo-worker.gguf", { device: "cpu", worker });
    const second = await failure(Engine.load("demo-worker.gguf", { device: "cpu", worker }));
    await first.unload();
    const again = await Engine.load("demo-worker.gguf", { device: "cpu", worker });
    const { object } = await again.chat.completions.create(hello);
    worker.terminate();
    return { second, kept: object };
  });
  assert.equal(second.code, "invalid_request");
  assert.equal(kept, "chat.completion");
});

test("an unloaded engine refuses calls, and those that wait are told", { timeout }, async () => {
  const [waiting, later] = await page.evaluate(async () => {
    const waiting = failure(engine.chat.completions.create({ ...hello, max_tokens: 400 }));
    await engine.unload();
    return [await waiting, await failure(engine.chat.completions.create(hello))];
  });
  for (const error of [waiting, later]) assert.match(error.message, /unloaded/);
});

/** Headers that a browser sends by itself. */
const BY_BROWSER = /^(accept.*|cache-control|connection|content-length|host|origin|pragma|priority|sec-.*|user-agent)$/;
