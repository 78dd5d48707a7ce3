/** The built page in Firefox: what its users get who have no WebGPU. */
import { readFileSync, readdirSync } from "node:fs";
import { test as base, expect } from "@playwright/test";
import type { Page } from "puppeteer-core";
import { REPORT_VIOLATIONS, launchFirefox, listenToFirefox } from "./firefox.js";
import { Complaints, Supervisor, answer, ask } from "./fixtures.js";
import { BLOOD_PRESSURE, LDL, RECORD, TASK } from "./pages.js";
import { serve } from "./server.mjs";

const KEY = "sk-test-of-firefox";
const ANSWER = "Yes, the risk is increased.";

interface Fixtures {
  firefox: Page;
  complaints: Complaints;
  supervisor: Supervisor;
}

const test = base.extend<Fixtures>({
  complaints: async ({}, use) => {
    const complaints = new Complaints();
    await use(complaints);
    expect(complaints.unexpected, "errors in the page").toEqual([]);
  },
  firefox: async ({ complaints }, use) => {
    const browser = await launchFirefox();
    try {
      const page = await browser.newPage();
      await listenToFirefox(page, complaints);
      await use(page);
    } finally {
      await browser.close();
    }
  },
  supervisor: async ({}, use) => {
    const supervisor = new Supervisor();
    await supervisor.reset();
    await use(supervisor);
    await supervisor.reset();
  },
});

test("does the main job on the CPU, says why, and shows all that it sent", async ({ firefox: page, supervisor }) => {
  test.setTimeout(300_000);
  await supervisor.script([ask(BLOOD_PRESSURE), ask(LDL), answer(ANSWER)]);
  // A worker's violations are heard nowhere but in the worker.
  const host = await serve(0, { changed: changedWorker() });
  try {
    await page.goto(host.origin);
    await is(page, "worker", "ready");
    expect(await texts(page, "worker-ready")).toEqual([expect.stringMatching(/^Ready on the CPU/)]);
    expect(await texts(page, "cpu-reason")).toEqual([expect.stringContaining("Not on the GPU: WebGPU is not available")]);

    await test.step("a sample can be taken in place of another", async () => {
      await takeSample(page, "Clinic: four years of visits");
      await expect.poll(() => valueOf(page, "task")).toContain("eGFR");
      await takeSample(page, "Clinic: one visit (recorded)");
      await expect.poll(() => valueOf(page, "task")).toBe(TASK);
      expect(await valueOf(page, "document")).toBe(RECORD);
    });

    await test.step("the worker finds both readings, and the supervisor answers", async () => {
      await page.click(id("supervisor-server"));
      await page.select(id("provider"), "other");
      await type(page, "base-url", supervisor.baseURL);
      await type(page, "model", "scripted");
      await type(page, "key", KEY);
      await page.click(id("run"));
      await is(page, "run", "answered", 240_000);
      const [first, second] = await texts(page, "turn][data-who=worker] [data-testid=said");
      expect(first).toContain("160/100");
      expect(second).toContain("170");
      expect(await texts(page, "answer")).toEqual([ANSWER]);
    });

    await test.step("the ledger lists exactly what was sent", async () => {
      const posts = await supervisor.posts();
      expect(posts.map(({ headers }) => headers.authorization)).toEqual(Array(3).fill(`Bearer ${KEY}`));
      expect(await texts(page, "ledger-entry")).toHaveLength(posts.length);
      expect(await texts(page, "ledger-text")).toEqual(posts.at(-1)!.body.messages.map(({ content }) => content));
      expect(await texts(page, "ledger-check")).toHaveLength(1);
    });
  } finally {
    await host.close();
  }
});

test("opens without its host, and loads its worker out of the browser's storage", async ({ firefox: page }) => {
  const host = await serve();
  try {
    await page.goto(host.origin);
    await is(page, "worker", "ready");
    await page.evaluate(async () => void (await navigator.serviceWorker.ready));
  } finally {
    await host.close();
  }
  await page.reload();
  await is(page, "worker", "ready");
  expect(await texts(page, "model-name")).toEqual(["demo-worker.gguf"]);
});

const id = (name: string): string => `[data-testid=${name}]`;

/** What the page shows in every element of a name. */
function texts(page: Page, name: string): Promise<string[]> {
  return page.$$eval(id(name), (all) => all.map(({ textContent }) => textContent!.trim()));
}

function valueOf(page: Page, name: string): Promise<string> {
  return page.$eval(id(name), (field) => (field as HTMLInputElement | HTMLTextAreaElement).value);
}

/** Waits for what the page says of itself; where it says that something failed, with the page's words. */
async function is(page: Page, what: "worker" | "run", state: string, timeout = 120_000): Promise<void> {
  const now = () => page.$eval("body", ({ dataset }, what) => dataset[what] ?? "", what);
  await expect.poll(now, { timeout }).toMatch(new RegExp(`^(${state}|failed)$`));
  const failures = [...(await texts(page, "worker-failure")), ...(await texts(page, "failure"))];
  expect(await now(), failures.join("\n")).toBe(state);
}

/* Not by puppeteer's locators: what they do in the page is `eval`, which its policy forbids. */

/** Types into a field, in place of what is there. */
async function type(page: Page, name: string, text: string): Promise<void> {
  await page.$eval(id(name), (field) => (field as HTMLInputElement).select());
  await page.type(id(name), text);
}

async function takeSample(page: Page, name: string): Promise<void> {
  await page.click(`${id("samples")} summary`);
  const at = (await texts(page, "sample")).findIndex((text) => text.includes(name));
  await (await page.$$(id("sample")))[at]!.click();
}

/** The engine's worker as it is built, after a line that reports violations of its policy; by its address. */
function changedWorker(): Map<string, string> {
  const assets = new URL("../../www/dist/assets/", import.meta.url);
  const workers = readdirSync(assets).filter((name) => /^worker-.*\.js$/.test(name));
  const changed = (name: string) => `${REPORT_VIOLATIONS}\n${readFileSync(new URL(name, assets), "utf8")}`;
  return new Map(workers.map((name) => [`/assets/${name}`, changed(name)]));
}
