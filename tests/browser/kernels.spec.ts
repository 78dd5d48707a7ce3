/** Every kernel against its twin, in the browser's own WebGPU. */
import { expect, origin, test } from "./fixtures.js";

declare const connect: (script?: string) => { worker: Worker; client: any };

interface Check {
  name: string;
  error: number | null;
  tolerance: number;
  failure: string | null;
}

test("every kernel agrees with its twin", async ({ page }) => {
  test.setTimeout(600_000);
  await page.goto(`${origin()}/pages/blank.html`);
  await page.waitForFunction(() => "connect" in globalThis);
  const checks = await page.evaluate(async () => {
    const { client, worker } = connect();
    const checks = (await client.call("checkKernels", { wasmUrl: null })) as Check[];
    worker.terminate();
    return checks;
  });
  expect(checks.length).toBeGreaterThan(10);
  const wrong = checks.filter(({ error, tolerance, failure }) => failure !== null || error === null || !(error <= tolerance));
  expect(wrong).toEqual([]);
});
