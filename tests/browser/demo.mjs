// Drives the demonstration page without a display and prints what happens: the main job, start to end.
//   node demo.mjs URL [--screenshot FILE]
import { chromium } from "playwright-core";
import { launchOptions } from "./browser.mjs";

const LOADING_MS = 120_000;
const RUNNING_MS = 300_000;

const [url, flag, screenshot] = process.argv.slice(2);
if (!url || (flag && flag !== "--screenshot")) {
  console.error("usage: node demo.mjs URL [--screenshot FILE]");
  process.exit(2);
}

const browser = await chromium.launch(launchOptions());
try {
  await demonstrate(await browser.newPage());
} catch (error) {
  console.error(`The demonstration failed: ${error.message}`);
  process.exitCode = 1;
} finally {
  await browser.close();
}

async function demonstrate(page) {
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  const text = async (id) => (await page.getByTestId(id).innerText()).replace(/\s*\n\s*/g, ", ").trim();

  await page.goto(url);
  await page.locator("body[data-worker=ready], body[data-worker=failed]").waitFor({ timeout: LOADING_MS });
  if ((await page.locator("body").getAttribute("data-worker")) === "failed") throw new Error(await text("worker-failure"));
  console.log(`Browser:     ${page.context().browser().version()}`);
  console.log(`Worker:      ${await text("model-name")}`);
  console.log(`Adapter:     ${await text("adapter")} (${await page.getByTestId("adapter").getAttribute("data-kind")})`);
  if (await page.getByTestId("cpu-reason").count()) console.log(`             ${await text("cpu-reason")}`);
  console.log(`Document:    ${await text("document-size")}`);
  console.log(`Question:    ${await page.getByTestId("task").inputValue()}`);
  console.log();

  await page.getByTestId("run").click();
  const ended = page.locator(["answered", "unanswered", "failed"].map((state) => `body[data-run=${state}]`).join(", "));
  const turns = page.locator("[data-testid=turn][data-state=done]");
  const deadline = Date.now() + RUNNING_MS;
  for (let told = 0, over = false; ; ) {
    // The last look comes after the end, so that no turn is missed.
    for (const count = await turns.count(); told < count; told++) {
      const turn = turns.nth(told);
      const who = await turn.getAttribute("data-who");
      console.log(`${who === "worker" ? "Worker:     " : "Supervisor: "} ${await turn.getByTestId("said").first().innerText()}`);
    }
    if (over) break;
    if (Date.now() > deadline) throw new Error(`no end after ${RUNNING_MS / 1000} s`);
    over = await ended.waitFor({ timeout: 250 }).then(() => true, () => false);
  }
  console.log();

  const state = await page.locator("body").getAttribute("data-run");
  if (state === "failed") throw new Error(await text("failure"));
  console.log(`Answer:      ${state === "answered" ? await text("answer") : await text("no-answer")}`);
  console.log(`Worker:      ${await text("tokens-local")}`);
  console.log(`Supervisor:  ${await text("tokens-remote")}`);
  console.log(`Time:        ${await text("elapsed")}`);
  console.log(`Ledger:      ${await text("ledger-summary")}`);
  if (screenshot) await page.screenshot({ path: screenshot, fullPage: true });
  if (state !== "answered") throw new Error("there is no answer");
  if (complaints.length) throw new Error(`the page reported errors: ${complaints.join("; ")}`);
}
