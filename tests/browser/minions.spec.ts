/** MinionS in the built package: many records, a plan, and a small model that finds what is asked in each. */
import type { Outcome, RunEvent } from "../../pkg/index.js";
import { expect, origin, test, type Received, type Step } from "./fixtures.js";
import { makeRecords } from "./records.mjs";
import { secrets } from "./watch.js";

/* What runs inside the page; `pages/blank.js` puts it there. */
declare const minions: typeof import("../../pkg/index.js");

const ASKED = "LDL cholesterol";
const TASK = "Which patients have an LDL cholesterol above 160 mg/dL?";
/** Every record is a page; fifteen of the forty state what is asked. Those that state the HDL cholesterol alone are read too. */
const { records, document } = makeRecords(40, 7);
secrets.add(document);
const truth = new Map(records.flatMap(({ number, facts }) => (facts[ASKED] ? [[number, facts[ASKED]] as const] : [])));
const read = records.filter(({ facts }) => Object.keys(facts).some((attribute) => attribute.includes("cholesterol")));
const high = [...truth].filter(([, value]) => Number.parseInt(value) > 160).map(([number]) => number);

const reply = (content: unknown): Step => ({
  type: "reply",
  content: typeof content === "string" ? content : JSON.stringify(content),
});
const PLAN = { chunking: { by: "page" }, select: { keywords: ["cholesterol"] }, tasks: [{ task: `What is the ${ASKED}?` }] };
/** The job that reads a record: one for each record that is read. */
const job = (number: number) => read.findIndex((record) => record.number === number) + 1;
const ANSWER = `Records ${high.join(", ")}.`;
const SCRIPT = [
  reply("Each record is short; look for the line with the reading."),
  reply(PLAN),
  reply({ reasoning: "Compared each with 160.", decision: "provide_final_answer", answer: ANSWER, evidence: high.map(job) }),
];

test("finds facts in forty records on the GPU, and only what it found goes up, with quotes that stand", async ({ page, supervisor }) => {
  await supervisor.script(SCRIPT);
  await page.goto(`${origin()}/pages/blank.html`);
  await page.waitForFunction(() => "minions" in globalThis);
  const started = Date.now();
  const { kind, outcome, events } = await page.evaluate(
    async ({ baseURL, task, document }) => {
      const worker = await minions.Engine.load("/models/demo-worker.gguf", { device: "gpu" });
      const cloud = minions.openaiCompatible({ baseURL, model: "scripted" });
      const run = new minions.Minions({ worker, supervisor: cloud, workerMaxTokens: 64 }).run({ task, context: [document] });
      const events: RunEvent[] = [];
      for await (const event of run) events.push(event);
      return { kind: worker.adapter.kind, outcome: (await run.result) as Outcome, events };
    },
    { baseURL: supervisor.baseURL, task: TASK, document },
  );
  test.info().annotations.push({ type: "seconds", description: String((Date.now() - started) / 1000) });
  expect(kind).toBe("gpu");
  expect(records).toHaveLength(40);
  expect(truth.size).toBe(15);

  await test.step("every fact asked for is found, and every other chunk abstains", () => {
    expect(outcome.answer).toBe(ANSWER);
    expect(new Map(outcome.evidence.map(({ range, answer }) => [recordIn(range), answer]))).toEqual(truth);
    expect(outcome.evidence.filter(({ isCited }) => isCited).map(({ range }) => recordIn(range))).toEqual(high);
    const [filtered] = events.filter((event) => event.type === "jobs.filtered");
    expect(filtered?.counts).toMatchObject({ kept: 15, absent: read.length - 15, unsupported: 0, truncated: 0, unreadable: 0, failed: 0 });
  });

  await test.step("every quote stands in the record that it is said to come from", () => {
    for (const { quote, range } of outcome.evidence) {
      expect(textOf(range)).toContain(quote);
      expect(quote).toBe(`${ASKED}: ${truth.get(recordIn(range))}`);
    }
  });

  const posts = await supervisor.posts();

  await test.step("nothing else of the document leaves", () => {
    expect(posts).toHaveLength(3);
    const sent = posts.map(({ body }) => body.messages.map(({ content }) => content).join("\n")).join("\n");
    for (const { number, name, facts } of records) {
      expect(sent).not.toContain(name);
      expect(sent).not.toContain(`Record number: ${1000 + number}`);
      for (const [attribute, value] of Object.entries(facts)) {
        if (attribute !== ASKED) expect(sent).not.toContain(`${attribute}: ${value}`);
      }
    }
  });

  await test.step("the tokens counted are those that the server served", () => {
    const served = posts.map((post, index) => usage(post, SCRIPT[index]!));
    const sum = (pick: (of: { prompt: number; completion: number }) => number) => served.reduce((all, one) => all + pick(one), 0);
    expect(outcome.usage.remote).toMatchObject({ prompt_tokens: sum(({ prompt }) => prompt), completion_tokens: sum(({ completion }) => completion) });
    const responses = events.filter((event) => event.type === "supervisor.response");
    expect(responses.map((event) => event.usage.prompt_tokens)).toEqual(served.map(({ prompt }) => prompt));
    const perStage = outcome.stages.filter(({ speaker }) => speaker === "supervisor");
    expect(perStage.map(({ stage, usage }) => [stage, usage.prompt_tokens])).toEqual(
      ["advise", "decompose", "synthesize"].map((stage, index) => [stage, served[index]!.prompt]),
    );
  });
});

/** A range as it stands in the document. */
const textOf = ({ start, end }: { start: number; end: number }): string => Buffer.from(document).subarray(start, end).toString();

/** The number of the record in a range. */
const recordIn = (range: { start: number; end: number }): number => Number(/Record number: (\d+)/.exec(textOf(range))?.[1]) - 1000;

/** What the scripted server counts: a token for every four bytes of a text, begun ones included, and four a message. */
function usage({ body }: Received, step: Step): { prompt: number; completion: number } {
  const tokens = (text: string) => Math.ceil(Buffer.byteLength(text) / 4);
  return {
    prompt: body.messages.reduce((all, { content }) => all + tokens(content) + 4, 0),
    completion: "content" in step && step.content ? tokens(step.content) : 0,
  };
}
