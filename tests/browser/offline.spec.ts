/** The page without its host: the service worker keeps its files, the package keeps the model, and a new build takes over. */
import { createHash } from "node:crypto";
import { expect, test } from "./fixtures.js";
import { DemoPage } from "./pages.js";
import { serve } from "./server.mjs";

test.use({ serviceWorkers: "allow" });

const digest = (text: string): string => createHash("sha256").update(text).digest("hex");

test("opens, loads its worker and answers without its host; a new build takes over at the next load, whole or not at all", async ({ page, supervisor, watch, complaints }) => {
  // The browser looks for an icon of its own for what is no page.
  complaints.allow(/favicon\.ico/);
  const changed = new Map<string, string>();
  const host = await serve(0, { changed });
  const textOf = async (path: string) => (await fetch(host.origin + path)).text();
  const built = { page: await textOf("/"), list: await textOf("/service-worker.js") };
  const demo = new DemoPage(page);
  await page.goto(host.origin);
  await demo.isWorker("ready");
  await page.evaluate(() => navigator.serviceWorker.ready);

  await test.step("browsers can install it", async () => {
    const session = await page.context().newCDPSession(page);
    const { installabilityErrors } = await session.send("Page.getInstallabilityErrors");
    // What tests have is like a private window, which installs nothing.
    expect(installabilityErrors.map(({ errorId }) => errorId).filter((id) => id !== "in-incognito")).toEqual([]);
    const { data } = await session.send("Page.getAppManifest");
    expect(JSON.parse(data!)).toMatchObject({ name: "Minions in the browser", display: "standalone" });
  });

  // Under the service worker as the page is, and without an engine to wait for.
  await page.goto(`${host.origin}/favicon.svg`);
  await expect.poll(() => page.evaluate(() => navigator.serviceWorker.controller?.state)).toBe("activated");
  const titleOfNextLoad = () => page.evaluate(async () => /<title>(.*)<\/title>/.exec(await (await fetch("/")).text())?.[1]);
  /** Has the browser look for a new build, and says what became of its service worker. */
  const update = () =>
    page.evaluate(async () => {
      const registration = (await navigator.serviceWorker.getRegistration())!;
      await registration.update();
      const found = registration.installing ?? registration.waiting ?? registration.active!;
      while (!["activated", "redundant"].includes(found.state)) {
        await new Promise((resolve) => found.addEventListener("statechange", resolve, { once: true }));
      }
      return found.state;
    });

  await test.step("it keeps the page's own files, and nothing of models, other servers or what is not listed", async () => {
    await page.evaluate((other) => Promise.all([fetch(other), fetch("/pages/blank.html"), fetch("/models/demo-worker.gguf")]), `${supervisor.baseURL}/models`);
    const kept = await page.evaluate(async () => {
      const requests = await Promise.all((await caches.keys()).map(async (name) => (await caches.open(name)).keys()));
      return requests.flat().map(({ url }) => url);
    });
    const listed = JSON.parse(/FILES = (\{.*?\})/s.exec(built.list)![1]!) as Record<string, string>;
    expect(kept.sort()).toEqual(Object.keys(listed).map((file) => new URL(file, `${host.origin}/`).href).sort());
    expect(kept.filter((url) => url.endsWith(".wasm"))).toHaveLength(1);
    expect(kept.filter((url) => url.endsWith(".gguf"))).toEqual([]);
  });

  const next = built.page.replace("<title>Minions in the browser", "<title>The next build");
  const nextList = built.list.replace(/VERSION = "\w+"/, 'VERSION = "next"');

  await test.step("a new build of which a file is not the one of its list changes nothing", async () => {
    changed.set("/", next).set("/service-worker.js", nextList);
    expect(await update()).toBe("redundant");
    expect(await titleOfNextLoad()).toBe("Minions in the browser");
    expect(await page.evaluate(() => caches.keys())).toHaveLength(1);
  });

  await test.step("a whole one takes over", async () => {
    changed.set("/service-worker.js", nextList.replace(digest(built.page), digest(next)));
    expect(await update()).toBe("activated");
    expect(await titleOfNextLoad()).toBe("The next build");
  });

  await test.step("and works without its host", async () => {
    await host.close();
    await page.goto(host.origin);
    await expect(page).toHaveTitle("The next build");
    await demo.isWorker("ready");
    await demo.runTo("answered");
    expect((await demo.said("worker"))[0]).toContain("160/100");
  });

  expect(await watch.findings(host.origin), "keys and documents in the storage of this site").toEqual([]);
});
