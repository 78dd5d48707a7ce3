/** The built page in a browser with WebGPU. */
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import type { Locator, Page } from "@playwright/test";
import { expectAccessible } from "./axe.js";
import { FaultyServer } from "./faulty-server.js";
import { answer, ask, expect, origin, test, type Step } from "./fixtures.js";
import { BLOOD_PRESSURE, DemoPage, LDL, RECORD, TASK, shingles } from "./pages.js";
import { makeRecords } from "./records.mjs";
import { secrets } from "./watch.js";

const ANSWER = "Yes: both readings lie above the usual limits, so the cardiovascular risk is increased.";
const MAIN: Step[] = [ask(BLOOD_PRESSURE), ask(LDL), answer(ANSWER)];
/** What the browser itself writes to the console when a request fails. */
const FAILED_REQUEST = /Failed to load resource|net::ERR_|blocked by CORS policy/;

test("finds both readings with the worker and answers with a live supervisor", async ({ page, supervisor, requests }) => {
  const key = `sk-test-${Math.random().toString(36).slice(2)}`;
  await supervisor.script(MAIN);
  const demo = await DemoPage.open(page);
  await expect(page.getByTestId("adapter")).toHaveAttribute("data-kind", "gpu");
  await expect(page.getByTestId("document")).toHaveValue(RECORD);
  await expect(page.getByTestId("task")).toHaveValue(TASK);

  await demo.useServer(supervisor, key);
  await demo.runTo("answered");

  await test.step("the worker read the document", async () => {
    const replies = await demo.said("worker");
    expect(replies).toHaveLength(2);
    expect(replies[0]).toContain("160/100");
    expect(replies[1]).toContain("170");
  });

  await test.step("the answer and what it cost are shown", async () => {
    await expect(demo.answer).toHaveText(ANSWER);
    await expect(page.getByTestId("tokens-local")).toHaveText(/[1-9][\d,]* tokens\s+[1-9][\d,]* read, [1-9][\d,]* written/);
    await expect(page.getByTestId("tokens-remote")).toHaveText(/[1-9][\d,]* tokens\s+[1-9][\d,]* read, [1-9][\d,]* written/);
    await expect(page.getByTestId("elapsed")).toHaveText(/[\d.]+ s/);
    await expect(page.getByTestId("run-state")).toHaveText("Answered in 2 rounds");
    await expectAccessible(page);
  });

  await test.step("beside what sending the document would have taken, and when each model worked", async () => {
    const numbers = await page.locator(".costs dd[data-testid^=tokens]").allInnerTexts();
    const tokens = numbers.map((text) => Number(/[\d,]+(?= tokens)/.exec(text)![0].replaceAll(",", "")));
    const bars = page.locator(".costs .track > span");
    const shares = await bars.evaluateAll((all) => all.map((bar) => bar.clientWidth / bar.parentElement!.clientWidth));
    expect(tokens).toHaveLength(3);
    shares.forEach((share, index) => expect(share).toBeCloseTo(tokens[index]! / Math.max(...tokens), 1));
    await expect(page.getByTestId("compared")).toContainText(/Sending .* document would have/);

    await page.getByTestId("times").locator("summary").click();
    const stretches = page.getByTestId("stretch");
    await expect(stretches).toHaveText([/Round 1, supervisor/, /Round 1, worker/, /Round 1, supervisor/, /Round 2, worker/, /Round 2, supervisor/]);
    const [first, second] = await stretches.locator(".track > span").evaluateAll((all) => all.map((bar) => bar.getBoundingClientRect()));
    expect(second!.left, "the worker begins when the supervisor has asked").toBeGreaterThanOrEqual(first!.right - 3);
  });

  const posts = await supervisor.posts();
  const replies = await demo.said("worker");

  await test.step("the key went to the supervisor alone, in the Authorization header alone", async () => {
    expect(posts).toHaveLength(3);
    for (const request of await supervisor.received()) {
      const { authorization, ...rest } = request.headers;
      expect(authorization).toBe(request.method === "POST" ? `Bearer ${key}` : undefined);
      expect(JSON.stringify({ ...request, headers: rest })).not.toContain(key);
    }
    for (const request of requests) {
      const { authorization, ...rest } = await request.allHeaders();
      const elsewhere = JSON.stringify([request.url(), request.postData(), rest]);
      expect(elsewhere).not.toContain(key);
      if (authorization?.includes(key)) expect(new URL(request.url()).origin).toBe(supervisor.origin);
    }
    const kept = await page.evaluate(async () => {
      const databases = (await indexedDB.databases?.()) ?? [];
      const stored = JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, databases]);
      return stored + document.documentElement.outerHTML + location.href;
    });
    expect(kept).not.toContain(key);
  });

  await test.step("nothing of the document left but what the worker said", async () => {
    const outside = requests.filter((request) => new URL(request.url()).origin !== origin());
    expect(new Set(outside.map((request) => new URL(request.url()).origin))).toEqual(new Set([supervisor.origin]));
    expect(requests.filter((request) => request.method() !== "GET" && request.postData() !== null)).toHaveLength(posts.length);
    const document = shingles(RECORD);
    for (const { body } of posts) {
      let text = JSON.stringify(body.messages.map(({ content }) => content)).replaceAll("\\n", "\n");
      for (const reply of replies) text = text.replaceAll(reply, " | ");
      const leaked = [...shingles(text)].filter((shingle) => document.has(shingle));
      expect(leaked).toEqual([]);
    }
  });

  await test.step("the ledger lists exactly what was sent", async () => {
    await expect(page.getByTestId("ledger-entry")).toHaveCount(posts.length);
    // Every request repeats the ones before it; the ledger shows each message where it was sent first.
    expect(await demo.ledger()).toEqual(posts.at(-1)!.body.messages.map(({ content }) => content));
    const sizes = await page.getByTestId("ledger-bytes").allTextContents();
    const sent = posts.map(({ body }) => body.messages.reduce((sum, { content }) => sum + Buffer.byteLength(content), 0));
    expect(sizes).toEqual(sent.map((size) => (size < 1000 ? `${size} bytes` : `${(size / 1000).toFixed(1)} kB`)));
    await expect(page.getByTestId("ledger-summary")).toContainText(new URL(supervisor.origin).host);
    await expect(page.getByTestId("ledger-check")).toBeVisible();
  });

  await test.step("the transcript can be saved, and has no key in it", async () => {
    const text = await saved(page, "export");
    expect(text).not.toContain(key);
    const { outcome } = JSON.parse(text) as { outcome: { answer: string; transcript: { turns: unknown[] } } };
    expect(outcome.answer).toBe(ANSWER);
    expect(outcome.transcript.turns).toHaveLength(5);
  });

  await test.step("a question that follows up takes what was said before along, as long as the document is the same", async () => {
    await supervisor.reset();
    await supervisor.script([answer("Less salt.")]);
    await page.getByTestId("follow-up").fill("What would lower it?");
    await page.getByTestId("follow-up").press("Enter");
    await expect(page.locator("body")).toHaveAttribute("data-runs", "2");
    await demo.isRun("answered");
    await expect(demo.answer).toHaveText("Less salt.");
    await expect(page.getByTestId("earlier")).toHaveCount(1);
    await expect(page.getByTestId("earlier")).toContainText(TASK);
    await expect(page.getByTestId("earlier")).toContainText(ANSWER);
    const [post] = await supervisor.posts();
    const told = post!.body.messages.map(({ content }) => content).join("\n");
    for (const text of [TASK, ANSWER, "What would lower it?"]) expect(told).toContain(text);
    await expect(page.getByTestId("ledger-check")).toBeVisible();
    await page.getByTestId("document-clear").click();
    await page.getByTestId("document").fill("Another text.");
    await expect(page.getByTestId("obstacle")).toContainText("The documents are others now");
    await expect(page.getByTestId("follow-up")).toHaveCount(0);
  });

  await test.step("the key can be forgotten", async () => {
    await page.getByTestId("forget").click();
    await expect(page.getByTestId("key")).toHaveValue("");
  });
});

test("answers without a key with the recorded supervisor, and sends nothing", async ({ page, requests }) => {
  const demo = await DemoPage.open(page);
  await expect(page.getByTestId("supervisor-recorded")).toBeChecked();
  const before = requests.length;
  await demo.run.focus();
  await page.keyboard.press("Enter");
  await demo.isRun("answered");

  const replies = await demo.said("worker");
  expect(replies[0]).toContain("160/100");
  expect(replies[1]).toContain("170");
  // The answer quotes what the worker said just now.
  for (const reply of replies) await expect(demo.answer).toContainText(reply.trim());
  await expect(page.getByTestId("ledger-summary")).toContainText("Nothing left this page.");
  await expect(page.getByTestId("ledger-entry")).toHaveCount(3);
  expect(requests.slice(before).map((request) => request.url())).toEqual([]);

  await page.getByTestId("task").fill("What is the heart rate?");
  await expect(page.getByTestId("recording-mismatch")).toBeVisible();
  await demo.run.click();
  await expect(demo.refusal).toContainText("only its own question");
});

test("refuses a second run while one runs, and stops at once when told to", async ({ page, supervisor, complaints }) => {
  complaints.allow(FAILED_REQUEST);
  const demo = await DemoPage.open(page);
  await demo.useServer(supervisor);

  await test.step("while the supervisor thinks", async () => {
    await supervisor.script([{ ...ask(BLOOD_PRESSURE), delay_ms: 60_000 }]);
    await demo.run.click();
    await demo.isRun("running");
    await expect.poll(async () => (await supervisor.posts()).length).toBe(1);

    // The button says that it is disabled, and still answers.
    await demo.run.press("Enter");
    await expect(demo.refusal).toContainText("A run is in progress");
    expect(await supervisor.posts()).toHaveLength(1);
    await expectAccessible(page);

    await demo.stop.click();
    await demo.isRun("stopped", 2_000);
    // The request itself is cut, not only ignored.
    await expect.poll(async () => (await supervisor.posts())[0]?.state, { timeout: 5_000 }).toBe("aborted");
    await expectAccessible(page);
  });

  await test.step("while the worker reads", async () => {
    await supervisor.reset();
    await supervisor.script(MAIN);
    await demo.run.click();
    await page.locator("[data-testid=turn][data-who=worker]").waitFor();
    await demo.stop.click();
    await demo.isRun("stopped", 2_000);
    const before = { said: await demo.said("worker"), posts: (await supervisor.posts()).length };
    await page.waitForTimeout(2_500);
    expect({ said: await demo.said("worker"), posts: (await supervisor.posts()).length }).toEqual(before);
    expect(before.posts).toBe(1);
  });

  await test.step("and goes on where it was stopped: what the supervisor said is not asked again", async () => {
    await supervisor.reset();
    await supervisor.script([answer(ANSWER)]);
    await page.getByTestId("go-on").click();
    await demo.isRun("answered");
    await expect(demo.answer).toHaveText(ANSWER);
    expect(await supervisor.posts()).toHaveLength(1);
    expect((await demo.said("worker"))[0]).toContain("160/100");
    await expect(page.getByTestId("go-on")).toHaveCount(0);
  });

  await test.step("and runs again afterwards", async () => {
    await supervisor.reset();
    await supervisor.script([ask(BLOOD_PRESSURE), answer(ANSWER)]);
    await demo.runTo("answered");
    await expect(demo.answer).toHaveText(ANSWER);
  });
});

test("refuses what cannot work before anything is sent", async ({ page, supervisor, requests }) => {
  const demo = await DemoPage.open(page);
  const before = requests.length;
  await demo.useServer(supervisor, "");

  const refused = async (text: string, focused: string) => {
    await demo.run.click();
    await expect(demo.refusal).toContainText(text);
    await expect(page.getByTestId(focused)).toBeFocused();
  };
  await page.getByTestId("document-clear").click();
  await refused("The document is empty", "document");
  await page.getByTestId("document").fill(" \n\t ");
  await refused("The document is empty", "document");
  await demo.takeSample("Clinic: one visit (recorded)");
  await page.getByTestId("task").fill("  ");
  await refused("There is no question", "task");
  await page.getByTestId("task").fill(TASK);
  await page.getByTestId("base-url").fill("https://api.openai.com/v1");
  await refused("There is no API key", "key");
  await page.getByTestId("base-url").fill("https://api.example.com/v1");
  await refused("This page may not connect to https://api.example.com.", "base-url");
  await page.getByTestId("base-url").fill("http://api.example.com/v1");
  await refused("must begin with https:", "base-url");
  await page.getByTestId("base-url").fill("no address");
  await refused("not an address", "base-url");
  await page.getByTestId("base-url").fill(supervisor.baseURL);
  await page.getByTestId("rounds").fill("0");
  await refused("between 1 and 10", "rounds");

  expect(await supervisor.received()).toEqual([]);
  expect(requests.slice(before).map((request) => request.url())).toEqual([]);
});

test("says what went wrong with the supervisor, each in its own words, and goes on", async ({ page, supervisor, complaints }) => {
  complaints.allow(FAILED_REQUEST);
  test.setTimeout(300_000);
  const key = "sk-test-failures";
  const demo = await DemoPage.open(page);
  await demo.useServer(supervisor, key);
  const messages = new Map<string, string>();

  const fails = async (name: string, steps: Step[], code: string, expected: RegExp, attempts = 1) => {
    await test.step(name, async () => {
      await supervisor.reset();
      await supervisor.script(steps);
      await demo.runTo("failed");
      await expect(demo.failure).toHaveAttribute("data-code", code);
      await expect(demo.failure).toHaveText(expected);
      await expect(demo.failure).not.toContainText(key);
      expect(await supervisor.posts()).toHaveLength(attempts);
      messages.set(name, (await demo.failure.textContent())!);
    });
  };
  const error = (status: number, more: object = {}): Step => ({ type: "error", status, message: `scripted ${status}`, ...more });
  const times = (count: number, step: Step) => Array.from({ length: count }, () => step);

  await fails("a wrong key", [error(401, { echo_key: true })], "auth_failed", /key.*401/s);
  await fails("a wrong address or model", [error(404)], "provider_error", /404.*base URL/s);
  await fails("a broken server", times(3, error(500)), "provider_error", /500.*scripted 500/s, 3);
  await fails("no credit", [error(429, { code: "insufficient_quota", message: "your quota is used up" })], "rate_limited", /quota is used up/s);
  await fails("too many requests", times(3, error(429, { retry_after: 0 })), "rate_limited", /scripted 429/s, 3);
  await fails("a page instead of a reply", [{ type: "non_json" }], "bad_reply", /It works/s);
  await fails("a stream that is no stream", [{ type: "malformed" }], "bad_reply", /reply/s);
  await fails("an empty reply", [{ type: "empty" }], "bad_reply", /empty|no text|nothing/is);
  await fails("a cut connection", [{ type: "disconnect", content: '{"reasoning": "Half a th' }], "network_error", /broke off/s);
  await fails("no CORS headers", times(3, { ...ask(BLOOD_PRESSURE), cors: false }), "network_error", /CORS/s, 3);

  await test.step("no server at all", async () => {
    await demo.useServer({ baseURL: `http://127.0.0.1:${await closedPort()}/v1` }, key);
    await demo.runTo("failed");
    await expect(demo.failure).toHaveAttribute("data-code", "network_error");
    await expect(demo.failure).toContainText("could not be reached");
    await demo.useServer(supervisor, key);
  });

  expect(new Set(messages.values()).size, "each failure has its own message").toBe(messages.size);

  await test.step("a passing failure is repeated, and odd JSON is understood", async () => {
    await supervisor.reset();
    const fenced = `Sure:\n\`\`\`json\n${(ask(BLOOD_PRESSURE) as { content: string }).content}\n\`\`\`\nDone.`;
    const nested = JSON.stringify({ reasoning: { risk: { factors: ["a", "b"] } }, decision: "provide_final_answer", answer: ANSWER });
    await supervisor.script([
      error(429, { retry_after: 0 }),
      { type: "reply", content: fenced },
      error(503),
      { type: "reply", content: nested },
    ]);
    await demo.runTo("answered");
    expect(await supervisor.posts()).toHaveLength(4);
    await expect(demo.answer).toContainText(ANSWER);
    expect((await demo.said("worker"))[0]).toContain("160/100");
  });
});

test("shows a reply as text, whatever it contains", async ({ page, supervisor }) => {
  const demo = await DemoPage.open(page);
  await demo.useServer(supervisor);
  const attack = '<img src=x onerror="document.title=1"><script>document.title = 1</script>**bold** {{worker.1}}';
  await supervisor.script([answer(attack)]);
  await demo.runTo("answered");
  await expect(demo.answer).toHaveText(attack);
  await expect(page.locator(".answer img, .answer script")).toHaveCount(0);
  expect(await saved(page, "export-answer"), "nor is it more in the file").toContain(attack.replace(/[<>*_!]/g, "\\$&"));
  await expect(page).toHaveTitle("Minions in the browser");
});

test("tells when the question itself holds words of the document", async ({ page, supervisor }) => {
  const demo = await DemoPage.open(page);
  await demo.useServer(supervisor);
  await page.getByTestId("task").fill("Is it usual that the nurse repeated the reading after ten minutes?");
  await supervisor.script([answer("Yes.")]);
  await demo.runTo("answered");
  await expect(page.getByTestId("ledger-leak")).toContainText("the nurse repeated the reading");
  await expect(page.getByTestId("ledger-check")).toHaveCount(0);
});

test("shows MinionS: the plan in words, each job, the evidence, the costs, and what was hidden", async ({ page, supervisor }) => {
  const { records, document } = makeRecords(6, 7);
  secrets.add(document);
  const stating = records.filter(({ facts }) => facts["Heart rate"]);
  const demo = await DemoPage.open(page);
  await demo.useServer(supervisor, "sk-test-minions", "gpt-4o");
  await page.getByTestId("document").fill(document);
  await page.getByTestId("task").fill(`What was ${records[0]!.name}'s heart rate?`);
  await page.getByTestId("protocol").selectOption("minions");
  await expect(page.getByTestId("protocol-hint")).toContainText("reads every piece");
  await page.getByTestId("privacy").check();
  await page.getByTestId("privacy-names").fill(records[0]!.name);
  await supervisor.script([
    { type: "reply", content: "Look for the line with the reading." },
    { type: "reply", content: JSON.stringify({ chunking: { by: "page" }, tasks: [{ task: "What is the heart rate?" }] }) },
    { type: "reply", content: JSON.stringify({ reasoning: "r", decision: "provide_final_answer", answer: "As found.", evidence: [stating[0]!.number] }) },
  ]);
  await demo.runTo("answered");
  await expect(demo.answer).toHaveText("As found.");

  await expect(page.getByTestId("plan").getByRole("listitem")).toHaveText(["Cut everything into pages.", "Ask each: “What is the heart rate?”"]);
  await expect(page.getByTestId("jobs-count")).toContainText(`6 of 6 jobs done: ${stating.length} found, ${6 - stating.length} do not say.`);
  await expect(page.getByTestId("job")).toHaveCount(6);
  await page.getByRole("button", { name: `Job ${stating[0]!.number}: found, with a quote` }).click();
  await expect(page.getByTestId("job-details")).toContainText(`Record number: ${1000 + stating[0]!.number}`);
  await expect(page.getByTestId("job-details").locator("mark")).toHaveText(`Heart rate: ${stating[0]!.facts["Heart rate"]}`);
  await expect(page.getByTestId("evidence-piece")).toHaveCount(stating.length);
  await expect(page.getByTestId("evidence-piece").first()).toContainText(stating[0]!.facts["Heart rate"]!);
  await expect(page.getByTestId("tokens-remote-only")).toHaveText(/about [1-9][\d,]* tokens\s+about \$0\.\d+/);
  await expect(page.getByTestId("cost")).toHaveText(/about \$0\.\d+/);

  const file = await saved(page, "export-answer");
  expect(file).toContain("\n\nAs found.\n\n## The answer rests on\n\n- ");
  expect(file).toContain(`“Heart rate: ${stating[0]!.facts["Heart rate"]}” (chunk ${stating[0]!.number})`);

  await expect(page.getByTestId("hidden")).toContainText("Hidden from the supervisor");
  // A later request goes back to the first messages, and on from there with others: all of them are in the ledger.
  const shown = await demo.ledger();
  for (const { body } of await supervisor.posts()) {
    expect(JSON.stringify(body)).not.toContain(records[0]!.name);
    for (const { content } of body.messages) expect(shown).toContain(content);
  }
  await expect(page.getByTestId("ledger-check")).toBeVisible();
  await page.getByTestId("hidden").getByText("Hidden from").click();
  await page.getByTestId("ledger-entry").first().locator("summary").click();
  await expectAccessible(page);

  await test.step("and it can be held against sending the document, which then says that it was", async () => {
    await supervisor.script([{ type: "reply", content: "Sent and read." }]);
    await page.getByTestId("compare").click();
    await expect(page.locator("body")).toHaveAttribute("data-runs", "2");
    await demo.isRun("answered");
    const cells = (row: string) => page.getByTestId("beside").locator("tr").filter({ hasText: row }).locator("td");
    await expect(cells("Answer")).toHaveText(["As found.", "Sent and read."]);
    await expect(cells("The document")).toHaveText(["stayed here", "was sent whole"]);
    await expect(cells("Supervisor")).toHaveText([/tokens, about \$0\.\d+$/, /tokens, about \$0\.\d+$/]);
    await expect(page.getByTestId("ledger-whole")).toContainText("The whole document");
    await expect(page.getByText("sent whole: remote only")).toBeVisible();
    await expect(page.getByTestId("compare")).toHaveCount(0);
    await expectAccessible(page);
  });
});

test("local only sends nothing, remote only says that it sends the document", async ({ page, supervisor, requests }) => {
  const demo = await DemoPage.open(page);
  const before = requests.length;
  await page.getByTestId("document").fill(secrets.add("The rent is $1,840.00. The notice period is 60 days."));
  await page.getByTestId("task").fill("What is the notice period?");
  await page.getByTestId("protocol").selectOption("local_only");
  await demo.runTo("answered");
  await expect(demo.answer).toContainText("60 days");
  await expect(page.getByTestId("ledger-summary")).toContainText("Nothing left this page.");
  expect(requests.slice(before).map((request) => request.url())).toEqual([]);

  await expect(page.getByText("never sent")).toBeVisible();
  await page.getByTestId("protocol").selectOption("remote_only");
  await expect(page.getByText("sent whole: remote only")).toBeVisible();
  await demo.useServer(supervisor);
  await supervisor.script([{ type: "reply", content: "60 days." }]);
  await demo.runTo("answered");
  await expect(demo.answer).toHaveText("60 days.");
  await expect(page.getByTestId("ledger-whole")).toContainText("The whole document");

  await page.getByTestId("supervisor-recorded").check();
  await expect(page.getByTestId("protocol")).toHaveValue("minion");
});

test("keeps questions and answers only if that is ticked, and deletes them without the tick", async ({ page }) => {
  const demo = await DemoPage.open(page);
  const kept = () => page.evaluate(() => localStorage.getItem("minions-history"));
  const history = page.getByTestId("history").locator("> summary");
  await demo.runTo("answered");
  expect(await kept()).toBeNull();

  await history.click();
  await page.getByTestId("history-wanted").check();
  await demo.runTo("answered");
  await expect(page.getByTestId("history-state")).toHaveText("1 answer kept");
  await page.reload();
  await demo.isWorker("ready");
  await expect(page.getByTestId("history-state")).toHaveText("1 answer kept");
  await history.click();
  await page.getByTestId("history-entry").locator("summary").click();
  await expect(page.getByTestId("history-entry")).toContainText(TASK);
  await expect(page.getByTestId("history-entry")).toContainText("patient-record.txt");
  await expect(page.getByTestId("history-entry")).toContainText("increased cardiovascular risk");
  expect(await kept()).not.toContain(RECORD.slice(0, 200));
  await expectAccessible(page);

  await page.getByTestId("history-delete").click();
  await expect(page.getByTestId("history-state")).toHaveText("0 answers kept");
  expect(await kept()).toBe("[]");
  await page.getByTestId("history-wanted").uncheck();
  await expect(page.getByTestId("history-state")).toHaveText("nothing is kept");
  expect(await kept()).toBeNull();
});

test("predicts what each protocol would take, without asking anyone, and why it would choose one", async ({ page, supervisor, requests }) => {
  const demo = await DemoPage.open(page);
  await demo.useServer(supervisor, "sk-test-of-a-prediction", "gpt-4o");
  const before = requests.length;
  await page.getByTestId("forecasts").locator("summary").click();
  const forecast = (protocol: string) => page.locator(`[data-testid=forecast][data-protocol=${protocol}]`);
  await expect(page.getByTestId("forecast-reason")).toContainText("Automatic would take Minion: The documents fit", { timeout: 120_000 });
  await expect(page.getByTestId("forecast")).toHaveCount(4);
  await expect(forecast("minion")).toHaveText(/Minion\s+\d+ (s|min)\s+[1-9][\d,]*\s+\$0\.\d+/);
  await expect(forecast("local_only")).toContainText("$0.00");
  await expect(forecast("remote_only")).toContainText("the documents leave");

  await test.step("it follows the documents and the model", async () => {
    const remote = await forecast("remote_only").innerText();
    await page.getByTestId("document").fill(secrets.add("The rent is $1,840.00 a month, payable in advance.\n".repeat(400)));
    await expect(page.getByTestId("forecast-reason")).toContainText("Automatic would take MinionS: The documents are read in chunks");
    await expect(forecast("remote_only")).not.toHaveText(remote);
    await page.getByTestId("model").fill("a model without a price");
    await expect(forecast("remote_only")).toContainText("–");
  });
  expect(requests.slice(before).map((request) => request.url())).toEqual([]);
});

test("ends in words when there is no answer", async ({ page, supervisor }) => {
  const demo = await DemoPage.open(page);
  await demo.useServer(supervisor);
  await page.getByTestId("rounds").fill("1");
  await supervisor.script([ask(BLOOD_PRESSURE), ask(LDL)]);
  await demo.runTo("unanswered");
  await expect(page.getByTestId("no-answer")).toContainText("no round was left");
  await expect(demo.answer).toHaveCount(0);
});

test("takes another document and another model, and says what is wrong with a bad one", async ({ page, supervisor }) => {
  const demo = await DemoPage.open(page);

  await test.step("a text file", async () => {
    const file = { name: "note.txt", mimeType: "text/plain", buffer: Buffer.from("The rent is $1,840.00.\r\nThe end.") };
    await page.getByTestId("document-file").setInputFiles(file);
    await expect(page.getByTestId("document")).toHaveValue("The rent is $1,840.00.\nThe end.");
    await expect(page.getByTestId("document-size")).toContainText("31 characters, about 8 tokens · note.txt");
    const picture = { name: "scan.png", mimeType: "image/png", buffer: Buffer.from([0x89, 0x50, 0x4e, 0x47, 0, 1, 2]) };
    await page.getByTestId("document-file").setInputFiles(picture);
    await expect(page.getByTestId("document-problem")).toContainText("scan.png is not a plain text file");
    await expect(page.getByTestId("document")).toHaveValue("The rent is $1,840.00.\nThe end.");
  });

  await test.step("a document that is too long", async () => {
    await page.getByTestId("document").fill(secrets.add("The rent is $1,840.00 and is due on the first day of the month. ".repeat(200)));
    await expect(page.getByTestId("document-long")).toContainText("2,048 tokens");
    await supervisor.script([ask("What is the rent?")]);
    await demo.useServer(supervisor);
    await page.getByTestId("protocol").selectOption("minion");
    await demo.runTo("failed");
    await expect(demo.failure).toHaveAttribute("data-code", "context_overflow");
    await expect(demo.failure).toHaveText(/too long.*2048/s);
    await demo.isWorker("ready");
  });

  await test.step("a file that is no model", async () => {
    await page.getByText("Use another model or device").click();
    const file = { name: "wrong.gguf", mimeType: "application/octet-stream", buffer: Buffer.from("GGML, perhaps?") };
    await page.getByTestId("model-file").setInputFiles(file);
    await demo.isWorker("failed");
    await expect(page.getByTestId("worker-failure")).toHaveAttribute("data-code", "invalid_model");
    await expect(page.getByTestId("worker-failure")).toContainText("wrong.gguf");
    await demo.run.click();
    await expect(demo.refusal).toContainText("There is no worker");
  });

  await test.step("and back, on the CPU", async () => {
    await page.getByLabel("CPU", { exact: true }).check();
    await page.getByTestId("load-demo").click();
    await demo.isWorker("ready");
    await expect(page.getByTestId("adapter")).toHaveAttribute("data-kind", "cpu");
  });
});

test("asks any provider, each at its own address and with its own key", async ({ page, supervisor, requests, complaints }) => {
  complaints.allow(FAILED_REQUEST);
  const demo = await DemoPage.open(page);
  const before = requests.length;
  await page.getByTestId("supervisor-server").check();
  const [provider, baseURL, key, hint] = ["provider", "base-url", "key", "base-url-hint"].map((name) => page.getByTestId(name)) as [Locator, Locator, Locator, Locator];
  await expect(provider.locator("optgroup")).toHaveCount(3);
  await expect(provider.locator("option")).toHaveCount(28);

  await test.step("what is known of it is there", async () => {
    await provider.selectOption({ label: "Anthropic" });
    await expect(baseURL).toHaveValue("https://api.anthropic.com/v1");
    await expect(hint).toBeHidden();
    await provider.selectOption({ label: "Perplexity" });
    await expect(hint).toContainText("Perplexity answers no web pages");
    await expect(page.getByTestId("list-models")).toHaveCount(0);
    await provider.selectOption({ label: "Ollama" });
    await expect(hint).toContainText("OLLAMA_ORIGINS");
    await expect(page.getByLabel("API key, if the server wants one")).toBeVisible();
    await provider.selectOption({ label: "Azure OpenAI" });
    await key.fill("sk-test-azure");
    await demo.run.click();
    await expect(demo.refusal).toContainText("Write yours in place of {resource}");
    await expect(baseURL).toBeFocused();
  });

  await test.step("a key stays with the provider that it was typed for", async () => {
    await provider.selectOption({ label: "Groq" });
    await expect(key).toHaveValue("");
    await demo.run.click();
    await expect(demo.refusal).toContainText("There is no API key");
    expect(requests.slice(before).map((request) => request.url())).toEqual([]);
  });

  await test.step("a server on this computer says what models it has, and needs no key", async () => {
    await provider.selectOption({ label: "vLLM" });
    await baseURL.fill(supervisor.baseURL);
    await page.getByTestId("list-models").click();
    await expect(page.getByTestId("model-list")).toHaveText("It answers, and has 1 model: choose one as you type.");
    await page.getByTestId("model").fill((await page.locator("#models option").getAttribute("value"))!);
    await supervisor.script([answer(ANSWER)]);
    await demo.runTo("answered");
    expect((await supervisor.posts())[0]!.headers["authorization"]).toBeUndefined();
    await baseURL.fill(`${supervisor.baseURL}/`);
    await expect(page.getByTestId("model-list"), "that was another address").toBeEmpty();
  });

  await test.step("one that does not answer is told before a run", async () => {
    await baseURL.fill(`http://127.0.0.1:${await closedPort()}/v1`);
    await page.getByTestId("list-models").click();
    await expect(page.getByTestId("model-list")).toContainText("The supervisor could not be reached", { timeout: 60_000 });
  });
});

test("loads a model of the hub, which can be stopped, and keeps it until it is deleted", async ({ page, context }) => {
  const bytes = readFileSync(new URL("../../www/public/models/demo-worker.gguf", import.meta.url));
  let release = () => {};
  const released = new Promise<void>((resolve) => (release = resolve));
  await context.route("https://huggingface.co/**", async (route) => {
    await released;
    const headers = { "access-control-allow-origin": "*", "content-type": "application/octet-stream" };
    const isFile = route.request().url().endsWith("/resolve/main/SmolLM2-135M-Instruct-Q8_0.gguf");
    await route.fulfill(isFile ? { headers, body: bytes } : { status: 404, headers }).catch(() => {});
  });
  const demo = await DemoPage.open(page);
  await page.getByText("Use another model or device").click();
  const facts = page.getByTestId("catalogue-facts");
  await expect(facts).toContainText("4.0 billion parameters, Q4_K_M, Apache-2.0; 2.5 GB to fetch, once.");
  await page.getByTestId("catalogue").selectOption({ value: "smollm2-135m" });
  await expect(facts).toContainText("134.5 million parameters");
  await expect(facts).toContainText("Workers below 3 billion parameters answer markedly worse");
  await expect(page.getByTestId("verdict")).toContainText(/It takes at least \d+\.\d MB of memory/);

  await page.getByLabel("CPU", { exact: true }).check();
  await expect(page.getByTestId("verdict")).toContainText("runs on the CPU, slowly");
  await page.getByTestId("load-catalogue").click();
  await expectAccessible(page);
  await page.getByTestId("stop-loading").click();
  await demo.isWorker("failed");
  await expect(page.getByTestId("worker-failure")).toContainText("Loading was stopped");
  await expectAccessible(page);

  release();
  await page.getByTestId("worker-again").click();
  await demo.isWorker("ready");
  await expect(page.getByTestId("model-name")).toHaveText("SmolLM2 135M Instruct");
  await expect(facts).toContainText("stored in this browser");
  await expect(page.getByTestId("catalogue")).toContainText("(stored here)");
  await page.getByTestId("delete-model").click();
  await expect(facts).toContainText("to fetch, once");
  await expect(page.getByTestId("delete-model")).toHaveCount(0);
});

test("shows how much of a model has come, and of how much", async ({ page }) => {
  const server = await FaultyServer.start();
  try {
    const bytes = readFileSync(new URL("../../www/public/models/demo-worker.gguf", import.meta.url));
    const url = server.put("/worker.gguf", bytes);
    const demo = await DemoPage.open(page);
    await page.getByText("Use another model or device").click();
    await page.locator("#model-url").fill(url);
    const half = server.holdAfter(Math.round(bytes.length / 2));
    await page.locator("#model-url").press("Enter");
    await half;
    // What came last may be on its way yet.
    const share = async () => {
      const { value, max } = await page.getByRole("progressbar").evaluate(({ value, max }: HTMLProgressElement) => ({ value, max }));
      // Before anything is known of the file it shows no share.
      return max === bytes.length ? value / max : 0;
    };
    await expect.poll(share).toBeGreaterThan(0.4);
    expect(await share()).toBeLessThanOrEqual(0.5);
    // A rate is that of the last seconds: nothing comes.
    await expect(page.getByTestId("worker-status")).toHaveText(/^Fetching worker\.gguf: 2\.\d MB of 5\.1 MB$/);
    server.release();
    await demo.isWorker("ready");
    await expect(page.getByTestId("model-name")).toHaveText("worker.gguf");
  } finally {
    await server.close();
  }
});

test("reads several documents, of any encoding and of web pages what a reader sees", async ({ page, supervisor, requests }) => {
  const demo = await DemoPage.open(page);
  const text = page.getByTestId("document");
  const tabs = page.getByTestId("document-tab");
  const open = (...files: [name: string, content: Buffer][]) =>
    page.getByTestId("document-file").setInputFiles(files.map(([name, buffer]) => ({ name, mimeType: "", buffer })));

  const web = `<title>T</title><style>p{}</style><h1>Lease</h1><p>The  rent is\n<b>$1,840.00</b>.<br>Paid monthly.</p>
    <table><tr><th>Month</th><th>Paid</th></tr><tr><td>May</td><td>yes</td></tr></table><script>document.title = "x"</script><pre>a  b</pre>
    <img src="https://tracker.example/x.png" style="width: 1px" onerror="document.title = 'x'">`;
  await open(["lease.html", Buffer.from(web)]);
  await expect(text).toHaveValue("Lease\nThe rent is $1,840.00.\nPaid monthly.\nMonth\tPaid\nMay\tyes\n\na  b");
  await expect(page).toHaveTitle("Minions in the browser");
  expect(requests.map((request) => request.url()).filter((url) => url.includes("tracker"))).toEqual([]);

  await open(
    ["old.txt", Buffer.from("Die K\xfcndigungsfrist betr\xe4gt 60 Tage, die Geb\xfchr 5 \x80.", "latin1")],
    ["wide.txt", Buffer.from("\ufeffThe notice period is 60 days.", "utf16le")],
    ["scan.pdf", Buffer.from("%PDF-1.7\n%\xe2\xe3", "latin1")],
    ["report.docx", Buffer.from("PK\x03\x04rest")],
  );
  await expect(tabs).toHaveText(["lease.html", "old.txt", "wide.txt"]);
  await expect(text).toHaveValue("Die Kündigungsfrist beträgt 60 Tage, die Gebühr 5 €.");
  await expect(page.getByTestId("document-problem")).toHaveText(/scan\.pdf is damaged.*report\.docx is a Word file/s);
  await tabs.last().click();
  await expect(text).toHaveValue("The notice period is 60 days.");
  await page.getByRole("button", { name: "Remove old.txt" }).click();
  await expect(page.getByTestId("document-size")).toContainText("in 2 documents");

  await demo.useServer(supervisor);
  await page.getByTestId("protocol").selectOption("minions");
  await page.getByTestId("task").fill("What is the notice period?");
  await supervisor.script([
    { type: "reply", content: "Look at both." },
    { type: "reply", content: JSON.stringify({ chunking: { by: "page" }, tasks: [{ task: "What is the notice period?" }] }) },
    answer("60 days."),
  ]);
  await demo.runTo("answered");
  await expect(page.getByTestId("job")).toHaveCount(2);
  await page.getByTestId("job").last().click();
  await expect(page.getByTestId("job-details")).toContainText("of wide.txt");
  await expect(page.getByTestId("ledger-kept")).toContainText("text of 2 documents");
});

test("says so when the worker breaks, and loads it again", async ({ page, supervisor, complaints }) => {
  complaints.allow(FAILED_REQUEST);
  const demo = await DemoPage.open(page);
  await demo.useServer(supervisor);
  await supervisor.script([{ ...ask(BLOOD_PRESSURE), delay_ms: 20_000 }]);
  await demo.run.click();
  await expect.poll(async () => (await supervisor.posts()).length).toBe(1);
  // What the wasm's panic hook does.
  await page.workers()[0]!.evaluate(() => (globalThis as unknown as { __minions_panic(text: string): void }).__minions_panic("boom"));
  await demo.isRun("failed");
  await expect(demo.failure).toHaveAttribute("data-code", "internal");
  await expect(demo.failure).toContainText("boom");
  await demo.isWorker("failed");
  await expectAccessible(page);

  await page.getByTestId("worker-again").click();
  await demo.isWorker("ready");
  await supervisor.reset();
  await supervisor.script([answer(ANSWER)]);
  await demo.runTo("answered");
});

test("takes settings from its address, where they are possible, and keeps nothing else there", async ({ page, supervisor }) => {
  const given = "contextLength=1024&tasksPerRound=5&kvCache=q8_0";
  const bad = "samples=99999&quantize=q9_0&maxEvidenceChars=-1&seed=1e3&documentsMayLeave=true&task=x&key=sk-test-from-an-address";
  await page.goto(`${origin()}/#settings?${given}&${bad}`);
  const demo = new DemoPage(page);
  await demo.isWorker("ready");
  await expect(page.getByText("up to 1,024 tokens at a time")).toBeVisible();
  await expect(page.getByTestId("settings-changed")).toHaveText("3 settings changed");
  await expect(page.getByTestId("task")).toHaveValue(TASK);
  await page.getByTestId("settings").locator("summary").click();
  await expect(page.getByTestId("setting-kvCache")).toHaveValue("q8_0");

  await demo.useServer(supervisor, "sk-test-of-the-settings");
  await expect(page.getByTestId("key")).toHaveValue("sk-test-of-the-settings");
  await page.getByTestId("document").fill(secrets.add("Patient record\nThe heart rate was measured at 78 bpm in the morning."));
  await page.getByTestId("task").fill("What is the heart rate?");

  await test.step("what is not possible is not used", async () => {
    await page.getByTestId("protocol").selectOption("minions");
    const evidence = page.getByTestId("setting-maxEvidenceChars");
    await evidence.fill("99");
    await expect(page.locator("#setting-maxEvidenceChars-hint")).toHaveText("Not used: only whole numbers from 100 to 1,000,000 can be.");
    await expectAccessible(page);
    await evidence.fill("500");
    await expect(page.getByTestId("settings-changed")).toHaveText("4 settings changed");
  });

  await test.step("a run goes by them", async () => {
    const plan = (tasks: number): Step => ({ type: "reply", content: JSON.stringify({ tasks: Array(tasks).fill({ task: "What is the heart rate?" }) }) });
    await supervisor.script([{ type: "reply", content: "Look for it." }, plan(6), plan(1), answer("78 bpm.")]);
    await demo.runTo("answered");
    await expect(page.getByTestId("remark")).toContainText("6 tasks; at most 5");
  });

  await test.step("whether documents may be sent is said where they are, and is for nobody's address to set", async () => {
    await page.getByTestId("protocol").selectOption("auto");
    await expect(page.getByText("never sent")).toBeVisible();
    await page.getByTestId("setting-documentsMayLeave").check();
    await expect(page.getByText("may be sent: as you set")).toBeVisible();
  });

  expect(new URL(page.url()).hash).toBe("#settings?tasksPerRound=5&maxEvidenceChars=500&contextLength=1024&kvCache=q8_0");
  await page.getByTestId("settings-reset").click();
  await expect(page.getByTestId("settings-changed")).toHaveText("none changed");
  await expect(page.getByText("never sent")).toBeVisible();
  expect(page.url()).toBe(`${origin()}/`);
});

test("can be used by keyboard and read out", async ({ page }) => {
  const demo = await DemoPage.open(page);
  await page.keyboard.press("Tab");
  await expect(page.getByText("Skip to the conversation")).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(page.locator("#conversation")).toBeFocused();

  const unnamed = await page.evaluate(() => {
    const controls = document.querySelectorAll<HTMLInputElement>("input, textarea, button");
    return [...controls].filter((control) => !control.labels?.length && !control.textContent?.trim()).map((control) => control.outerHTML);
  });
  expect(unnamed, "controls without a name").toEqual([]);
  const ids = await page.evaluate(() => [...document.querySelectorAll("[id]")].map(({ id }) => id));
  expect(new Set(ids).size).toBe(ids.length);
  await expect(page.getByRole("heading", { level: 2 })).toHaveText(["Worker", "Document", "Question and supervisor", "Settings", "Conversation", "Ledger", "History"]);

  await page.getByTestId("task").focus();
  await page.keyboard.press("Control+Enter");
  await demo.isRun("running");
  await demo.stop.focus();
  await page.keyboard.press("Enter");
  await demo.isRun("stopped");
  // Whoever was on the button that went away goes on at the conversation.
  await expect(page.locator("#conversation")).toBeFocused();
  await expect(page.getByRole("log")).toHaveText("The run was stopped.");
});

test("holds on a narrow screen, and axe finds nothing in any form of the question", async ({ page }) => {
  await page.setViewportSize({ width: 320, height: 640 });
  await DemoPage.open(page);
  await expectAccessible(page);
  await page.getByTestId("task").fill("What is the heart rate?");
  await expect(page.getByTestId("recording-mismatch")).toBeVisible();
  await expectAccessible(page);
  await page.getByTestId("supervisor-server").check();
  await page.getByTestId("provider").selectOption({ label: "Perplexity" });
  await page.getByTestId("privacy").check();
  await page.getByText("Use another model or device").click();
  await page.getByTestId("run").click();
  await expect(page.getByTestId("refusal")).toBeVisible();
  await expectAccessible(page);
  await page.getByTestId("protocol").selectOption("remote_only");
  await expectAccessible(page);
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  expect(overflow).toBe(0);
});

/** What a button gives to save. */
async function saved(page: Page, button: string): Promise<string> {
  const download = page.waitForEvent("download");
  await page.getByTestId(button).click();
  const stream = await (await download).createReadStream();
  return Buffer.concat(await stream.toArray()).toString();
}

/** A port of this machine that nobody listens on. */
async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
