/** The ways to name a model: a repository of the hub, a folder on the user's disk, files as an input has them. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Page } from "@playwright/test";
import { FaultyServer } from "./faulty-server.js";
import { test as base, expect, origin } from "./fixtures.js";

/* What runs inside the page; `pages/blank.js` puts it there. */
declare const minions: any;

const FOLDER = fileURLToPath(new URL("../fixtures/demo-worker/", import.meta.url));
const GGUF = new URL("../../www/public/models/demo-worker.gguf", import.meta.url);

const test = base.extend<{ server: FaultyServer }>({
  server: async ({}, use) => {
    const server = await FaultyServer.start();
    await use(server);
    await server.close();
  },
  page: async ({ page }, use) => {
    await page.goto(`${origin()}/pages/blank.html`);
    await page.waitForFunction(() => "minions" in globalThis);
    await use(page);
  },
});

test.beforeEach(({ complaints }) => {
  // The browser itself writes every 404 to the console.
  complaints.allow(/Failed to load resource/);
});

interface Failure {
  code: string;
  message: string;
}

/** Fetches a model into the store, and says how that failed. */
const download = (page: Page, source: object): Promise<Failure | undefined> =>
  page.evaluate(
    (source) =>
      minions.models.download(source).then(
        () => undefined,
        ({ code, message }: Failure) => ({ code, message }),
      ),
    source,
  );

const cached = (page: Page) => page.evaluate(async () => ((await minions.models.cached()) as { url: string }[]).map(({ url }) => url));

test("a file of a repository, at a revision, of any server with the hub's paths", async ({ page, server }) => {
  const bytes = readFileSync(GGUF);
  const token = "hf_verysecret0123456789";
  server.put("/maker/model-GGUF/resolve/main/m.gguf", bytes);
  server.put("/maker/model-GGUF/resolve/refs%2Fpr%2F1/sub/a%20b.gguf", bytes, ({ authorization }) =>
    authorization === `Bearer ${token}` ? undefined : { status: 401 },
  );
  server.put("/mirror/hub/maker/model-GGUF/resolve/main/m.gguf", bytes);
  const repo = "maker/model-GGUF";
  const hub = server.origin;
  expect(await download(page, { repo, file: "m.gguf", hub })).toBeUndefined();
  expect(await download(page, { repo, file: "sub/a b.gguf", revision: "refs/pr/1", hub, token })).toBeUndefined();
  expect(await download(page, { repo, file: "m.gguf", hub: `${hub}/mirror/hub/` })).toBeUndefined();
  const urls = [
    `${hub}/maker/model-GGUF/resolve/main/m.gguf`,
    `${hub}/maker/model-GGUF/resolve/refs%2Fpr%2F1/sub/a%20b.gguf`,
    `${hub}/mirror/hub/maker/model-GGUF/resolve/main/m.gguf`,
  ];
  expect((await cached(page)).toSorted()).toEqual(urls.toSorted());
  await page.evaluate((hub) => minions.models.delete({ repo: "maker/model-GGUF", file: "m.gguf", hub }), hub);
  expect((await cached(page)).toSorted()).toEqual(urls.slice(1).toSorted());
});

test("a repository without a file is a folder of the hub's", async ({ page, server }) => {
  for (const name of ["config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json", "model.safetensors"]) {
    server.put(`/maker/model/resolve/main/${name}`, readFileSync(FOLDER + name));
  }
  const name = await page.evaluate(async (hub) => {
    const engine = await minions.Engine.load({ repo: "maker/model", hub }, { device: "cpu" });
    await engine.unload();
    return engine.model.architecture as string;
  }, server.origin);
  expect(name).toBe("llama");
  expect(await cached(page)).toEqual([`${server.origin}/maker/model/resolve/main/`]);
});

test("says what is wrong with a repository, and asks no server", async ({ page, requests }) => {
  const before = requests.length;
  const nonsense: [source: object, message: RegExp][] = [
    [{ repo: "llama" }, /repo is "llama".*owner\/name/],
    [{ repo: "https://huggingface.co/a/b" }, /repo is/],
    [{ repo: "../b" }, /repo is/],
    [{ repo: "a/b/c" }, /repo is/],
    [{ repo: "a/b?c" }, /repo is/],
    [{ repo: "a/b", file: "" }, /file is "".*a\/b/],
    [{ repo: "a/b", file: "../../c.gguf" }, /file is/],
    [{ repo: "a/b", file: "/c.gguf" }, /file is/],
    [{ repo: "a/b", file: "c.gguf", revision: "" }, /revision is/],
    [{ repo: "a/b", file: "c.gguf", revision: ".." }, /revision is/],
    [{ repo: "a/b", file: "c.gguf", hub: "ftp://example.org" }, /hub is.*https/],
    [{ repo: "a/b", file: "c.gguf", hub: "http://:" }, /not an address/],
    [{}, /\{ url \}, \{ repo \}, \{ file \}, \{ files \} and \{ folder \}/],
  ];
  for (const [source, message] of nonsense) {
    const error = await page.evaluate(
      (source) => minions.Engine.load(source).catch(({ code, message }: Failure) => ({ code, message })),
      source,
    );
    expect(error, JSON.stringify(source)).toMatchObject({ code: "invalid_request", message: expect.stringMatching(message) });
  }
  expect(requests.length).toBe(before);
});

test("a folder on the user's disk is read each time the model is loaded", async ({ page }) => {
  const result = await page.evaluate(async (names) => {
    const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle("picked", { create: true });
    await folder.getDirectoryHandle("other", { create: true });
    const write = async (name: string) => {
      const stream = await (await folder.getFileHandle(name, { create: true })).createWritable();
      await stream.write(await (await fetch(`/fixtures/demo-worker/${name}`)).blob());
      await stream.close();
    };
    for (const name of names) await write(name);
    const engine = await minions.Engine.load({ folder }, { device: "cpu" });
    const [before] = await engine.embed(["a text"]);
    await engine.sleep();
    // A blob of it as it was could not be read any more.
    await write("config.json");
    const [after] = await engine.embed(["a text"]);
    await engine.sleep();
    await (await navigator.storage.getDirectory()).removeEntry("picked", { recursive: true });
    const gone = await engine.embed(["a text"]).catch(({ code, message }: Failure) => ({ code, message }));
    return { isSame: before.join() === after.join(), gone };
  }, ["config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json", "model.safetensors"]);
  expect(result.isSame).toBe(true);
  expect(result.gone).toMatchObject({ code: "invalid_request", message: expect.stringMatching(/folder cannot be read.*ask the user/) });
});

test("files as an input has them, and a folder that was chosen whole", async ({ page }) => {
  await page.evaluate(() => {
    document.body.innerHTML = `<input id="files" type="file" multiple><input id="folder" type="file" webkitdirectory>`;
  });
  const names = ["config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"];
  await page.locator("#files").setInputFiles(names.map((name) => FOLDER + name));
  await page.locator("#folder").setInputFiles(FOLDER);
  const architectures = await page.evaluate(async () => {
    const architecture = async (files: unknown) => {
      const engine = await minions.Engine.load({ files }, { device: "cpu" });
      await engine.unload();
      return engine.model.architecture as string;
    };
    const chosen = (id: string) => (document.getElementById(id) as HTMLInputElement).files!;
    return [await architecture(chosen("files")), await architecture([...chosen("files")]), await architecture(chosen("folder"))];
  });
  expect(architectures).toEqual(["llama", "llama", "llama"]);

  const twice = await page.evaluate(() => {
    const files = [new File(["a"], "model.gguf"), new File(["b"], "model.gguf")];
    return minions.Engine.load({ files }).catch(({ code, message }: Failure) => ({ code, message }));
  });
  expect(twice).toMatchObject({ code: "invalid_request", message: expect.stringMatching(/two files are called "model\.gguf"/) });
});

test("a model of the catalogue is found by its id", async ({ page }) => {
  const result = await page.evaluate(() => {
    const entry = minions.models.find("qwen3-4b");
    try {
      return [entry.repo, minions.models.find("models/worker.gguf")];
    } catch (error) {
      return [entry.repo, (error as Failure).code, (error as Failure).message];
    }
  });
  expect(result).toEqual(["Qwen/Qwen3-4B-GGUF", "unknown_model", expect.stringMatching(/has no model "models\/worker\.gguf"; it has .*qwen3-4b/)]);
});
