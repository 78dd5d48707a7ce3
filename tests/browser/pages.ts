/** The built page, as a user meets it. */
import { readFileSync } from "node:fs";
import type { Locator, Page } from "@playwright/test";
import { expect, origin, type Supervisor } from "./fixtures.js";
import { secrets } from "./watch.js";

export const TASK = "Based on the patient's blood pressure and LDL cholesterol, is there increased cardiovascular risk?";
export const BLOOD_PRESSURE = "What is the patient's blood pressure?";
export const LDL = "What is the patient's LDL cholesterol?";
export const RECORD = secrets.add(readFileSync(new URL("../../www/samples/patient-record.txt", import.meta.url), "utf8"));

export class DemoPage {
  readonly page: Page;
  readonly run: Locator;
  readonly stop: Locator;
  readonly answer: Locator;
  readonly failure: Locator;
  readonly refusal: Locator;

  constructor(page: Page) {
    this.page = page;
    this.run = page.getByTestId("run");
    this.stop = page.getByTestId("stop");
    this.answer = page.getByTestId("answer");
    this.failure = page.getByTestId("failure");
    this.refusal = page.getByTestId("refusal");
  }

  /** Opens the page and waits for its worker. */
  static async open(page: Page): Promise<DemoPage> {
    await page.goto(origin());
    const demo = new DemoPage(page);
    await demo.isWorker("ready");
    return demo;
  }

  async isWorker(phase: "ready" | "failed"): Promise<void> {
    await expect(this.page.locator("body")).toHaveAttribute("data-worker", phase, { timeout: 120_000 });
  }

  /** Waits for the run to be in a state; a run that ends in another one fails at once, with what the page says. */
  async isRun(state: "running" | "answered" | "unanswered" | "failed" | "stopped", timeout = 120_000): Promise<void> {
    const body = this.page.locator("body");
    if (state !== "running") await expect(body).not.toHaveAttribute("data-run", /idle|running/, { timeout });
    const says = (await this.failure.count()) > 0 ? await this.failure.innerText() : "";
    await expect(body, says).toHaveAttribute("data-run", state, { timeout: 5_000 });
  }

  /** Starts a run and waits for its end, however soon that comes. */
  async runTo(state: "answered" | "unanswered" | "failed", timeout?: number): Promise<void> {
    const body = this.page.locator("body");
    const runs = Number(await body.getAttribute("data-runs"));
    await this.run.click();
    await expect(body).toHaveAttribute("data-runs", String(runs + 1));
    await this.isRun(state, timeout);
  }

  async useServer(supervisor: Supervisor | { baseURL: string }, key = "sk-test-of-the-page", model = "scripted"): Promise<void> {
    await this.page.getByTestId("supervisor-server").check();
    await this.page.getByTestId("provider").selectOption("other");
    await this.page.getByTestId("base-url").fill(supervisor.baseURL);
    await this.page.getByTestId("model").fill(model);
    await this.page.getByTestId("key").fill(key);
  }

  async takeSample(name: string): Promise<void> {
    await this.page.getByTestId("samples").locator("summary").click();
    await this.page.getByTestId("sample").filter({ hasText: name }).click();
  }

  /** What a speaker said, turn by turn. */
  said(who: "worker" | "supervisor"): Promise<string[]> {
    return this.page.locator(`[data-testid=turn][data-who=${who}] [data-testid=said]`).allTextContents();
  }

  /** Every text that the ledger lists, in order. */
  ledger(): Promise<string[]> {
    return this.page.getByTestId("ledger-text").allTextContents();
  }
}

/** Every run of `length` words in a text, in lower case. */
export function shingles(text: string, length = 5): Set<string> {
  const words = text.toLowerCase().match(/[\p{L}\p{N}][^\s]*/gu) ?? [];
  return new Set(words.slice(0, Math.max(words.length - length + 1, 0)).map((_, at) => words.slice(at, at + length).join(" ")));
}
