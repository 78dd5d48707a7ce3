/** Every kernel against its twin, in the browser's own WebGPU. */
import { expect, origin, test } from "./fixtures.js";

declare const connect: (script?: string) => { worker: Worker; client: any };

test("every kernel agrees with its twin", async ({ page }) => {
  test.setTimeout(600_000);
  await page.goto(`${origin()}/pages/blank.html`);
  await page.waitForFunction(() => "connect" in globalThis);
  const cases = await page.evaluate(async () => {
    const { client, worker } = connect();
    const cases = (await client.call("kernelCases", { device: "gpu", wasmUrl: null })) as {
      name: string;
      max_error: number;
      tolerance: number;
      ok: boolean;
    }[];
    worker.terminate();
    return cases;
  });
  expect(cases.length).toBeGreaterThan(10);
  expect(cases.filter(({ ok, max_error, tolerance }) => !ok || !(max_error <= tolerance))).toEqual([]);
});
