/** The built page in a browser without WebGPU: the same run on the CPU. */
import { expectAccessible } from "./axe.js";
import { answer, ask, expect, test } from "./fixtures.js";
import { BLOOD_PRESSURE, DemoPage, LDL } from "./pages.js";

test("does the main run on the CPU and says why", async ({ page, supervisor }) => {
  test.setTimeout(300_000);
  await supervisor.script([ask(BLOOD_PRESSURE), ask(LDL), answer("Yes, the risk is increased.")]);
  const demo = await DemoPage.open(page);
  const adapter = await page.evaluate(() => (navigator as { gpu?: { requestAdapter(): unknown } }).gpu?.requestAdapter());
  expect(adapter ?? null).toBe(null);
  await expect(page.getByTestId("adapter")).toHaveAttribute("data-kind", "cpu");
  await expect(page.getByTestId("cpu-reason")).toContainText(/WebGPU|adapter/);

  await demo.useServer(supervisor);
  await demo.runTo("answered", 240_000);
  const replies = await demo.said("worker");
  expect(replies[0]).toContain("160/100");
  expect(replies[1]).toContain("170");
  await expect(demo.answer).toHaveText("Yes, the risk is increased.");
  expect(await supervisor.posts()).toHaveLength(3);
});

test("refuses the GPU where there is none, in words", async ({ page }) => {
  const demo = await DemoPage.open(page);
  await page.getByText("Use another model or device").click();
  await page.getByLabel("GPU", { exact: true }).check();
  await page.getByTestId("load-demo").click();
  await demo.isWorker("failed");
  await expect(page.getByTestId("worker-failure")).toHaveAttribute("data-code", "webgpu_unavailable");
  await expectAccessible(page);
});
