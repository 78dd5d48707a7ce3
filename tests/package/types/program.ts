// The program of the README, and every door of the package, as a user's compiler sees them.
import {
  Auto,
  DownloadController,
  Engine,
  LocalOnly,
  Minion,
  Minions,
  MinionsError,
  RemoteOnly,
  anthropic,
  azure,
  gemini,
  ollama,
  models,
  openai,
  openaiCompatible,
  provider,
  recorded,
  type CatalogueEntry,
  type ChatCompletion,
  type ChatCompletionChunk,
  type ChatMessage,
  type ChatStream,
  type ErrorCode,
  type HubModel,
  type RunEvent,
  type Outcome,
  type Progress,
  type Provider,
  type Run,
  type Tool,
  type Support,
} from "minions-web";

declare const keyField: HTMLInputElement;
declare const file: File;

const controller = new AbortController();
const support: Support = await Engine.isSupported();
const worker = await Engine.load("worker.gguf", { onProgress: show, signal: controller.signal, device: support.webgpu ? "gpu" : "auto" });
const supervisor = openai({ model: "gpt-4o", apiKey: () => keyField.value });

const download = new DownloadController();
const gated = { url: new URL("https://example.com/m.gguf"), sha256: "0".repeat(64), mirrors: ["other.gguf"], token: () => keyField.value };
const stored = await Engine.load(gated, { controller: download, cache: "opfs", verify: true });
download.pause();
await models.download(gated, { cache: "opfs", onProgress: show, signal: controller.signal });
for (const { url, size, complete, lastUsed } of await models.cached()) console.log(url, size, complete, lastUsed?.getTime());
await models.delete("m.gguf");
await models.deletePartial();
console.log(stored.model.name, (await models.usage()).quota);

declare const folder: FileSystemDirectoryHandle;
declare const input: HTMLInputElement;
const entry: CatalogueEntry = models.find("qwen3-4b");
const hub: HubModel = { repo: "Qwen/Qwen3-4B-GGUF", file: "Qwen3-4B-Q4_K_M.gguf", revision: "main", hub: new URL("https://hub.example.org") };
for (const { id, licence, sizeBytes, minimumMemoryBytes, shape } of models.catalogue) console.log(id, licence, sizeBytes, minimumMemoryBytes, shape.layers);
for (const source of [entry, hub, { folder }, { files: input.files! }, { files: [file] }]) {
  const engine = await Engine.load(source, { idleTimeoutMs: 300_000 });
  console.log(models.advise(engine.model.parameters) ?? entry.warning);
  await engine.sleep();
  console.log(engine.isAwake, engine.adapter.kind);
}
await models.download(hub);
await models.delete(entry);

const run: Run<RunEvent, Outcome> = new Minion({ worker, supervisor, maxRounds: 3 }).run({
  task: "What were the 2023 operating expenses?",
  context: [await file.text()],
  signal: controller.signal,
});
for await (const event of run) {
  if (event.type === "supervisor.request") console.log(event.stage, event.messages.length);
  if (event.type === "run.finished") console.log(event.outcome.answer);
}
const { answer, usage } = await run.result;
const total: number = usage.local.prompt_tokens + usage.remote.completion_tokens;
console.log(answer?.length, total);

const terms = { context: ["text"], privacy: { names: ["Mara"], kinds: ["person" as const] }, price: { input: 2.5, output: 10 }, seed: 1 };
const first = await new Minions({ worker, supervisor, tasksPerRound: 2, maxChunkSize: 900 }).run({ task: "Which?", ...terms }).result;
for (const { quote, range } of first.evidence) console.log(quote?.length, range.end - range.start, first.cost?.remoteOnly);
const limits = { minions: { maxRounds: 1 }, costSensitivity: "high" as const };
for (const protocol of [new Auto({ worker, supervisor, ...limits }), new LocalOnly({ worker, maxJobs: 9 }), new RemoteOnly({ worker, supervisor })]) {
  await protocol.run({ task: "And then?", metadata: "a letter", history: first.history, ...terms }).result;
}

const messages = [{ role: "user" as const, content: "Hello" }];
const whole: ChatCompletion = await worker.chat.completions.create({ messages, temperature: 0 });
const streamed: ChatStream = await worker.chat.completions.create({ messages, stream: true }, { signal: controller.signal });
const readable: ReadableStream<ChatCompletionChunk> = streamed.toReadableStream();
const text: string = (await streamed.finalCompletion()).choices[0].message.content + whole.usage.total_tokens;
console.log(readable.locked, text);
const held: ChatCompletion = await worker.chat.completions.create({
  messages,
  n: 2,
  logprobs: true,
  top_logprobs: 3,
  logit_bias: { 17: -100 },
  response_format: { type: "json_schema", json_schema: { name: "answer", schema: { type: "object" } } },
});
const tools: Tool[] = [{ type: "function", function: { name: "weather", parameters: { type: "object" } } }];
const asked: ChatCompletion = await worker.chat.completions.create({ messages, tools, tool_choice: "required", parallel_tool_calls: false });
const [{ message }] = asked.choices;
const results: ChatMessage[] = (message.tool_calls ?? []).map(({ id, function: { name } }) => ({ role: "tool", content: name, tool_call_id: id }));
await worker.chat.completions.create({ messages: [...messages, message, ...results], tools });
for (const choice of held.choices) console.log(choice.index, choice.logprobs?.content[0]?.top_logprobs[0]?.bytes);

await Engine.load({ file });
await Engine.load({ files: { "config.json": new Blob() } });
await Engine.load({ url: new URL("https://example.org/model/") }, { contextLength: 2048, cacheTokens: 16384, spillBytes: 0, kvCache: "q8_0", quantize: "q4_0", wasmUrl: "/minions.wasm" });
openaiCompatible({ baseURL: "http://localhost:8080/v1", model: "local" });
const apiKey = async () => keyField.value;
const providers: Provider[] = [
  anthropic({ model: "claude-opus-4-5", apiKey, reasoningEffort: "low" }),
  gemini({ model: "gemini-2.5-flash", apiKey, jsonMode: "schema_only" }),
  ollama({ model: "qwen3" }),
  azure({ resource: "mine", model: "gpt-4o", apiKey }),
  provider("groq", { model: "llama-3.3-70b-versatile", apiKey }),
  provider("lmstudio", { model: "qwen3-30b", baseURL: "http://localhost:4321/v1" }),
];
const names: string[] = (await Promise.all(providers.map((provider) => worker.listModels(provider)))).flat();
console.log(names.length);
// @ts-expect-error a cloud wants a key
provider("groq", { model: "llama-3.3-70b-versatile" });
recorded({ label: "Recorded", task: "t", replies: [{ content: { message: "m" } }] });

try {
  await worker.unload();
} catch (error) {
  if (error instanceof MinionsError) {
    const code: ErrorCode = error.code;
    console.log(code, error.retryable, error.outcome?.usage.remote.prompt_tokens, error.cause);
  }
}

function show(progress: Progress): void {
  if (progress.phase === "caution") console.log(progress.contextLength, progress.cacheTokens);
  if (progress.phase === "download") console.log(progress.bytesPerSecond, progress.secondsLeft ?? "?", progress.stored);
  if (progress.phase === "ready") console.log(progress.elapsedMs);
  else console.log(progress.phase, progress.loaded / progress.total);
}

// @ts-expect-error a misspelt option is refused
await worker.chat.completions.create({ messages, max_token: 5 });
// @ts-expect-error a misspelt limit is refused
new Minions({ worker, supervisor, maxRound: 3 });
// @ts-expect-error the worker is alone: it has no supervisor
new LocalOnly({ worker, supervisor });
// @ts-expect-error a provider needs a model
openai({ apiKey: "sk" });
// @ts-expect-error internals are not part of the types
worker.client;
