/** The samples to try. */
import { readFileSync } from "node:fs";
import { samples } from "../../tools/samples/samples.mjs";
import { expect, origin, test } from "./fixtures.js";
import { DemoPage, TASK } from "./pages.js";

/** What each is asked about, and what its documents say of that. */
const KEYS: [name: string, documents: number, task: RegExp, facts: string[]][] = [
  ["Clinic: one visit (recorded)", 1, /LDL cholesterol/, ["160/100 mmHg", "170 mg/dL"]],
  ["Clinic: four years of visits", 1, /eGFR/, ["metformin is halved, from 1000 mg twice a day to 500 mg twice a day"]],
  ["Finance: two annual reports", 2, /operating margin/, ["Operating margin: 15.2% of net sales", "Operating margin: 10.9% of net sales", "$14.8 million more than in 2023"]],
  ["Science: a field trial", 1, /biochar/, ["7.9 cm taller than in the control", "We consider the result of that site confounded"]],
  ["Law: a lease and its amendment", 2, /amendment/, ["31 March 2028 is replaced by 31 March 2029", "replaced by nine months' rent"]],
  ["Code: three files of this project", 3, /citation/, ["The time is linear in their lengths", "fn fold_gap"]],
];

test("sets documents and a question, and fetches them only when they are chosen", async ({ page, requests }) => {
  await page.goto(origin());
  const demo = new DemoPage(page);
  const text = page.getByTestId("document");
  const tabs = page.getByTestId("document-tab");
  const task = page.getByTestId("task");
  await expect(page.getByTestId("sample")).toHaveText(KEYS.map(([name]) => name));
  const before = requests.length;
  for (const [name, documents, asked, facts] of KEYS) {
    await demo.takeSample(name);
    await expect(task).toHaveValue(asked);
    const texts: string[] = [];
    if (documents === 1) {
      await expect(tabs).toHaveCount(0);
      texts.push(await text.inputValue());
    } else {
      await expect(tabs).toHaveCount(documents);
      for (const tab of await tabs.all()) {
        await tab.click();
        texts.push(await text.inputValue());
      }
    }
    for (const fact of facts) expect(texts.join("\n")).toContain(fact);
    // None of it was the user's own.
    await expect(page.getByTestId("document-aside")).toHaveCount(0);
  }
  const fetched = requests.slice(before).map((request) => new URL(request.url()));
  expect(fetched.filter((url) => url.origin !== origin())).toEqual([]);
  expect(fetched.filter((url) => url.pathname.includes("field-trial"))).toHaveLength(1);
});

test("keeps what the user had before, and says what the recorded supervisor does not know", async ({ page }) => {
  const demo = await DemoPage.open(page);
  const text = page.getByTestId("document");
  const task = page.getByTestId("task");
  await text.fill("My own notes.");
  await task.fill("What do my notes say?");
  await demo.takeSample("Science: a field trial");
  await expect(text).toHaveValue(/^Biochar/);
  await expect(page.getByTestId("recording-mismatch")).toContainText("only its own question");
  await demo.run.click();
  await expect(demo.refusal).toContainText("choose a live supervisor");

  const aside = page.getByTestId("document-aside");
  await aside.getByRole("button").click();
  await expect(text).toHaveValue("My own notes.");
  await expect(task).toHaveValue("What do my notes say?");
  await expect(aside).toHaveCount(0);

  await page.getByTestId("document-clear").click();
  await expect(text).toHaveValue("");
  await expect(task).toHaveValue("What do my notes say?");
  await aside.getByRole("button").click();
  await expect(text).toHaveValue("My own notes.");

  await demo.takeSample("Clinic: one visit (recorded)");
  await expect(task).toHaveValue(TASK);
  await expect(page.getByTestId("recording-mismatch")).toHaveCount(0);
});

test("can be chosen by keyboard, on a narrow screen", async ({ page }) => {
  await page.setViewportSize({ width: 320, height: 640 });
  await page.goto(origin());
  const opener = page.getByTestId("samples").locator("summary");
  await opener.focus();
  await page.keyboard.press("Enter");
  for (const [name] of KEYS.slice(0, 5)) {
    await page.keyboard.press("Tab");
    await expect(page.getByTestId("sample").filter({ hasText: name })).toBeFocused();
  }
  expect(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)).toBe(0);
  await page.keyboard.press("Enter");
  await expect(page.getByTestId("document-tab")).toHaveCount(2);
  await expect(opener).toBeFocused();
  await expect(page.getByTestId("sample").first()).toBeHidden();
});

test("the samples are what their script writes", () => {
  for (const [name, text] of Object.entries(samples)) {
    expect(readFileSync(new URL(`../../www/samples/${name}`, import.meta.url), "utf8"), name).toBe(text);
    expect(text).toMatch(/ (is|are) invented/);
  }
});
