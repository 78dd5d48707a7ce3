/** What Lighthouse says of the built page, on a desktop and on the slow phone that it imagines. */
import { createServer, type AddressInfo } from "node:net";
import { chromium, expect, test } from "@playwright/test";
import lighthouse, { desktopConfig } from "lighthouse";
import { launchOptions } from "./browser.mjs";
import { origin } from "./fixtures.js";

/** Of 1. */
const LEAST = 0.95;

const forms = { desktop: desktopConfig, phone: undefined };

for (const [form, config] of Object.entries(forms)) {
  test(`scores 95 of 100 at least in every category on a ${form}`, async () => {
    const port = await freePort();
    const options = launchOptions();
    const browser = await chromium.launch({ ...options, args: [...options.args, `--remote-debugging-port=${port}`] });
    try {
      const result = await lighthouse(`${origin()}/`, { port, logLevel: "error" }, config);
      const { categories = {}, audits = {} } = result?.lhr ?? {};
      expect(Object.keys(categories)).toEqual(["performance", "accessibility", "best-practices", "seo"]);
      const short = Object.values(categories).filter(({ score }) => (score ?? 0) < LEAST);
      // What is wrong, by name: an audit weighs nothing where it only informs.
      const reasons = short.map(({ id, score, auditRefs }) => {
        const failed = auditRefs.filter(({ id, weight }) => weight > 0 && (audits[id]?.score ?? 1) < 0.9);
        return { id, score, failed: failed.map(({ id }) => `${id} ${audits[id]?.displayValue ?? ""}`) };
      });
      expect(reasons).toEqual([]);
    } finally {
      await browser.close();
    }
  });
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
