/** The way from what is cited to where it stands. */
import { expect, test } from "./fixtures.js";
import { DemoPage, RECORD } from "./pages.js";
import { makeRecords } from "./records.mjs";
import { secrets } from "./watch.js";

test("a worker's reply leads to its place in the document, and back", async ({ page }) => {
  const demo = await DemoPage.open(page);
  await demo.runTo("answered");
  const text = page.getByTestId("document");
  const marked = page.getByTestId("marked");
  const link = page.getByTestId("turn").filter({ hasText: "160/100" }).getByTestId("cite").first();

  await test.step("by keyboard", async () => {
    await link.focus();
    await page.keyboard.press("Enter");
    await expect(marked).toHaveText(/160\/100 mmHg/);
    await expect(marked).toBeFocused();
    await expect(marked).toBeInViewport();
    await expect(text).toBeHidden();
    await page.keyboard.press("Escape");
    await expect(link).toBeFocused();
    await expect(text).toHaveValue(RECORD);
  });
  await test.step("by pointer, and on to the same place in the text to edit", async () => {
    await link.click();
    const words = await marked.innerText();
    await page.getByTestId("place-edit").click();
    await expect(text).toBeFocused();
    const selected = await text.evaluate(({ value, selectionStart, selectionEnd }: HTMLTextAreaElement) => value.slice(selectionStart, selectionEnd));
    expect(selected).toBe(words);
  });
  await test.step("in the document as it was read, whatever became of it", async () => {
    await text.fill("Another text altogether.");
    await link.click();
    await expect(marked).toHaveText(/160\/100 mmHg/);
    await page.getByTestId("place-back").click();
    await expect(link).toBeFocused();
    await expect(text).toHaveValue("Another text altogether.");
  });
  await test.step("in a wide window beside the citation, which stays where it is", async () => {
    await page.setViewportSize({ width: 1440, height: 900 });
    const last = page.getByTestId("cite").last();
    await last.scrollIntoViewIfNeeded();
    const before = await last.boundingBox();
    await last.click();
    await expect(marked).toBeInViewport();
    expect(await last.boundingBox()).toEqual(before);
  });
  await expect(page).toHaveURL((url) => url.hash === "");
});

test("each quote of MinionS leads to its own document", async ({ page, supervisor }) => {
  const documents = [makeRecords(2, 7), makeRecords(3, 11)];
  const demo = await DemoPage.open(page);
  await page.getByTestId("document-file").setInputFiles(
    documents.map(({ document }, index) => ({ name: `ward-${index + 1}.txt`, mimeType: "text/plain", buffer: Buffer.from(secrets.add(document)) })),
  );
  await demo.useServer(supervisor);
  await page.getByTestId("protocol").selectOption("minions");
  await page.getByTestId("task").fill("What are the heart rates?");
  await supervisor.script([
    { type: "reply", content: "Look for the line with the reading." },
    { type: "reply", content: JSON.stringify({ chunking: { by: "page" }, tasks: [{ task: "What is the heart rate?" }] }) },
    { type: "reply", content: JSON.stringify({ reasoning: "r", decision: "provide_final_answer", answer: "As found." }) },
  ]);
  await demo.runTo("answered");

  const pieces = page.getByTestId("evidence-piece");
  const stating = documents.flatMap(({ records }, at) => records.flatMap(({ facts }) => (facts["Heart rate"] ? [{ at, line: `Heart rate: ${facts["Heart rate"]}` }] : [])));
  expect(new Set(stating.map(({ at }) => at)).size, "both documents have some").toBe(2);
  for (const { at, line } of stating) {
    const piece = pieces.filter({ hasText: line }).filter({ hasText: `ward-${at + 1}.txt` });
    await piece.getByTestId("cite").click();
    await expect(page.getByTestId("marked")).toHaveText(line);
    await expect(page.getByTestId("marked")).toBeInViewport();
    await expect(page.getByRole("region", { name: `ward-${at + 1}.txt, as it was read` })).toBeVisible();
    await expect(page.getByTestId("document-tab").nth(at)).toHaveAttribute("aria-pressed", "true");
  }
  await page.getByTestId("document-tab").first().click();
  await expect(page.getByTestId("place")).toHaveCount(0);
  await expect(page.getByTestId("document")).toHaveValue(documents[0]!.document);

  await page.getByRole("button", { name: "found, with a quote" }).first().click();
  await page.getByTestId("job-details").getByTestId("cite").click();
  await expect(page.getByTestId("marked")).toHaveText(stating[0]!.line);
});
