/** Downloads that resume and a store that survives: the built package against a server of faults, with real storage. */
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Page, chromium } from "@playwright/test";
import { launchOptions } from "./browser.mjs";
import { type Fault, FaultyServer } from "./faulty-server.js";
import { test as base, expect, listen, origin } from "./fixtures.js";

/* What runs inside the page; `pages/blank.js` puts it there. */
declare const minions: any;

const MB = 1024 * 1024;
const PIECE = 8 * MB;

interface Progress {
  phase: string;
  file: string;
  loaded: number;
  total: number;
  bytesPerSecond: number;
  secondsLeft: number | null;
  stored: boolean;
}

interface Result {
  error: { name: string; code: string; message: string; retryable: boolean } | undefined;
  progress: Progress[];
}

interface Fixtures {
  server: FaultyServer;
  /** A server on another origin. */
  other: FaultyServer;
  /** Another tab of the same browser. */
  tab: () => Promise<Page>;
}

/** Each test has a browser of its own with a profile on disk: a context of a shared browser keeps its storage in memory. */
const test = base.extend<Fixtures>({
  context: async ({}, use) => {
    const folder = mkdtempSync(join(tmpdir(), "minions-profile-"));
    const options = launchOptions("none");
    // Chrome tells pages of the same room wherever there is enough; here they see what a test sets.
    const args = [...options.args, "--disable-features=StaticStorageQuota"];
    const launch = () => chromium.launchPersistentContext(folder, { ...options, args });
    // One Chromium in a few hundred crashes as it starts (SIGSEGV, seen once), before there is anything of ours in it.
    const context = await launch().catch(launch);
    await use(context);
    await context.close();
    rmSync(folder, { recursive: true, force: true });
  },
  server: async ({}, use) => {
    const server = await FaultyServer.start();
    await use(server);
    await server.close();
  },
  other: async ({}, use) => {
    const server = await FaultyServer.start();
    await use(server);
    await server.close();
  },
  tab: async ({ context, complaints }, use) => {
    await use(async () => {
      const page = await context.newPage();
      await listen(page, complaints);
      await open(page);
      return page;
    });
  },
  page: async ({ page }, use) => {
    await open(page);
    await use(page);
  },
});

test.beforeEach(({ complaints }) => {
  // The browser itself writes whatever a server does wrong to the console.
  complaints.allow(/Failed to load resource/);
});

async function open(page: Page): Promise<void> {
  await page.goto(`${origin()}/pages/blank.html`);
  await page.waitForFunction(() => "minions" in globalThis);
}

/** Bytes that no two pieces, and no two seeds, have in common. */
function noise(bytes: number, seed = 1): Buffer {
  const whole = Buffer.alloc(bytes);
  let state = seed;
  for (let at = 0; at + 4 <= bytes; at += 4) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    whole.writeInt32LE(state ^ (state >>> 15), at);
  }
  return whole;
}

const sha256 = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");

/** Downloads a model without loading it; `source` as the package takes it. */
async function download(page: Page, source: string | object, options: object = {}): Promise<Result> {
  return page.evaluate(
    async ({ source, options }) => {
      const progress: Progress[] = [];
      try {
        await minions.models.download(source, { ...options, onProgress: (step: Progress) => progress.push(step) });
        return { error: undefined, progress };
      } catch (error) {
        const { name, code, message, retryable } = error as NonNullable<Result["error"]>;
        return { error: { name, code, message, retryable }, progress };
      }
    },
    { source, options },
  );
}

interface Stored {
  name: string;
  size: number;
  sha256: string;
  /** Of the small files. */
  text: string;
}

/** All that is in the browser's private file system. */
async function stored(page: Page): Promise<Stored[]> {
  return page.evaluate(async () => {
    const files: Stored[] = [];
    const walk = async (folder: FileSystemDirectoryHandle) => {
      for await (const handle of (folder as any).values()) {
        if (handle.kind === "directory") await walk(handle);
        else {
          const file: File = await handle.getFile();
          const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await file.arrayBuffer()));
          files.push({
            name: file.name,
            size: file.size,
            sha256: [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join(""),
            text: file.size < 100_000 ? await file.text() : "",
          });
        }
      }
    };
    await walk(await navigator.storage.getDirectory());
    return files.sort((one, other) => (one.name < other.name ? -1 : 1));
  });
}

/** The data of the only file that is stored, and that nothing is stored besides it. */
async function storedOnly(page: Page): Promise<Stored> {
  const files = await stored(page);
  expect(files.map(({ name }) => name.replace(/^[0-9a-f]{32}/, ""))).toEqual([".data", ".index"]);
  return files[0]!;
}

const cached = (page: Page) => page.evaluate(async () => (await minions.models.cached()) as { url: string; size: number; complete: boolean }[]);

const pieces = (bytes: number) =>
  Array.from({ length: Math.ceil(bytes / PIECE) }, (_, piece) => `${piece * PIECE}-${Math.min(bytes, (piece + 1) * PIECE)}`);

test("fetches a file in pieces, keeps it, and needs no server for it again", async ({ page, server }) => {
  const bytes = noise(3 * PIECE + 12_345);
  const url = server.put("/m.gguf", bytes);
  const { error, progress } = await download(page, url);
  expect(error).toBeUndefined();
  expect(server.ranges("/m.gguf").toSorted()).toEqual(
    // The first asks for more than may be there: how much that is, its answer tells.
    pieces(bytes.length).toSorted(),
  );
  expect(await storedOnly(page)).toMatchObject({ size: bytes.length, sha256: sha256(bytes) });
  const loaded = progress.map((step) => step.loaded);
  expect(loaded).toEqual(loaded.toSorted((one, other) => one - other));
  expect(progress.at(-1)).toMatchObject({
    phase: "download",
    file: "m.gguf",
    loaded: bytes.length,
    total: bytes.length,
    secondsLeft: 0,
    stored: true,
  });
  expect(progress.some(({ bytesPerSecond }) => bytesPerSecond > 0)).toBe(true);

  server.asked = [];
  const again = await download(page, url);
  expect(again).toMatchObject({ error: undefined, progress: [{ phase: "download", loaded: bytes.length, stored: true }] });
  expect(server.asked).toEqual([]);
  expect(await cached(page)).toMatchObject([{ url, complete: true }]);
});

test("a download that was aborted goes on where it was", async ({ page, server }) => {
  const bytes = noise(6 * PIECE);
  const url = server.put("/m.gguf", bytes);
  const held = server.holdAfter(5 * PIECE);
  const aborted = page.evaluate(async (url) => {
    const controller = new AbortController();
    Object.assign(globalThis, { controller });
    return minions.models.download(url, { signal: controller.signal }).catch((error: Error) => error.name);
  }, url);
  await held;
  // Several arrive at a time; only whole ones are kept. A file that changes while it is looked at cannot be read.
  await expect(async () => expect((await kept(page)).length).toBeGreaterThan(0)).toPass({ timeout: 20_000 });
  await page.evaluate(() => (globalThis as any).controller.abort());
  expect(await aborted).toBe("AbortError");
  expect(await cached(page)).toMatchObject([{ url, complete: false, lastUsed: null }]);
  server.release();
  const before = server.ranges("/m.gguf");
  server.asked = [];
  const { error, progress } = await download(page, url);
  expect(error).toBeUndefined();
  expect(progress[0]!.loaded).toBeGreaterThanOrEqual(PIECE);
  expect(server.ranges("/m.gguf").length).toBeLessThan(6);
  expect(new Set([...before, ...server.ranges("/m.gguf")])).toEqual(new Set(pieces(bytes.length)));
  expect(await storedOnly(page)).toMatchObject({ sha256: sha256(bytes) });
});

/** Starts a download that nobody waits for. */
function begin(page: Page, source: string | object): void {
  void download(page, source).catch(() => {});
}

/** Numbers of the pieces of which the store says that they are there. */
async function kept(page: Page): Promise<number[]> {
  const index = (await stored(page)).find(({ name }) => name.endsWith(".index"))?.text ?? "";
  const lines = index.split("\n").slice(0, -1).map((line) => JSON.parse(line));
  return lines.filter((line) => "piece" in line).map(({ piece }) => piece);
}

/** Ends a page the hard way. */
async function crash(page: Page): Promise<void> {
  const crashed = page.waitForEvent("crash");
  // No answer comes from a page that is gone.
  void (await page.context().newCDPSession(page)).send("Page.crash").catch(() => {});
  await crashed;
}

test("a page that dies at any point of a download leaves what the next load can go on from", async ({ page, server, tab, complaints }) => {
  test.setTimeout(600_000);
  complaints.allow(/crashed/);
  const seed = Date.now() % 100_000;
  let random = seed;
  const below = (bound: number) => {
    random = (Math.imul(random, 1664525) + 1013904223) >>> 0;
    return Math.floor((random / 2 ** 32) * bound);
  };
  for (let round = 0; round < 20; round++) {
    const bytes = noise(5 * PIECE + below(PIECE), seed + round);
    const path = `/m${round}.gguf`;
    const url = server.put(path, bytes);
    const point = below(bytes.length);
    await test.step(`seed ${seed}, round ${round}: after ${point} of ${bytes.length} bytes`, async () => {
      const held = server.holdAfter(point);
      const victim = await tab();
      begin(victim, url);
      await held;
      if (round % 2 === 0) await victim.close();
      else await crash(victim);
      server.release();
      const first = server.ranges(path);
      const done = await kept(page);
      server.asked = [];
      expect((await download(page, url)).error).toBeUndefined();
      const second = server.ranges(path);
      const all = pieces(bytes.length);
      expect(second.toSorted()).toEqual(all.filter((_, piece) => !done.includes(piece)).toSorted());
      expect(second.filter((range) => first.includes(range)).length, "pieces fetched twice").toBeLessThanOrEqual(4);
      expect(await storedOnly(page)).toMatchObject({ size: bytes.length, sha256: sha256(bytes) });
      await page.evaluate((url) => minions.models.delete(url), url);
      expect(await stored(page)).toEqual([]);
    });
  }
});

test("two tabs fetch a model once; the second waits, and takes over if the first is closed", async ({ page, server, tab }) => {
  const bytes = noise(3 * PIECE);
  const url = server.put("/m.gguf", bytes);
  const waiting = (page: Page, url: string) => {
    const result = page.evaluate(async (url) => {
      const phases: string[] = [];
      Object.assign(globalThis, { phases });
      await minions.models.download(url, { onProgress: ({ phase }: Progress) => phases.push(phase) });
      return phases;
    }, url);
    const isTold = () => page.evaluate(() => ((globalThis as any).phases as string[])?.includes("wait") ?? false);
    return { result, isTold };
  };
  const held = server.holdAfter(MB);
  const first = download(page, url);
  await held;
  const second = waiting(await tab(), url);
  await expect.poll(second.isTold).toBe(true);
  server.release();
  expect((await first).error).toBeUndefined();
  expect(await second.result).toEqual(["wait", "download"]);
  expect(server.ranges("/m.gguf").toSorted()).toEqual(pieces(bytes.length).toSorted());

  const other = noise(3 * PIECE, 2);
  const next = server.put("/n.gguf", other);
  const heldAgain = server.holdAfter(MB);
  const closing = await tab();
  begin(closing, next);
  await heldAgain;
  const heir = waiting(page, next);
  await expect.poll(heir.isTold).toBe(true);
  await closing.close();
  server.release();
  await heir.result;
  expect((await stored(page)).map((file) => file.sha256)).toContain(sha256(other));
});

const RIGHT: [name: string, fault: Fault, bytes?: Buffer][] = [
  ["ranges are ignored", { whole: true }],
  ["ranges are ignored and the length is not told", { whole: true, chunked: true }],
  ["parts without a length", { chunked: true }],
  ["compressed in transit", { gzip: true }, Buffer.alloc(2 * PIECE + 99, "All work and no play. ")],
  ["the page may not read what part it is", { hidden: true }],
  ["no etag", { etag: null }],
  ["an empty file", {}, Buffer.alloc(0)],
  ["a file of one piece exactly", {}, noise(PIECE)],
];

for (const [name, fault, bytes = noise(2 * PIECE + 99)] of RIGHT) {
  test(`fetches whatever a server makes of ranges and lengths: ${name}`, async ({ page, server }) => {
    const { error, progress } = await download(page, { url: server.put("/m.gguf", bytes, fault), sha256: sha256(bytes) });
    expect(error).toBeUndefined();
    expect(progress.at(-1)).toMatchObject({ loaded: bytes.length, stored: true });
    expect(await storedOnly(page)).toMatchObject({ size: bytes.length, sha256: sha256(bytes) });
    expect(await cached(page)).toMatchObject([{ complete: true }]);
  });
}

const PASSING: [name: string, fault: (index: number) => Fault | undefined, asked: RegExp][] = [
  ["503, once", (index) => (index === 0 ? { status: 503 } : undefined), /^0-8388608,0-8388608,/],
  ["429 with Retry-After", (index) => (index < 2 ? { status: 429, headers: { "retry-after": "1" } } : undefined), /^(0-8388608,){3}/],
  ["500 for a later piece", (index) => (index === 2 ? { status: 500 } : undefined), /./],
  ["408", (index) => (index === 0 ? { status: 408 } : undefined), /^(0-8388608,){2}/],
  ["the connection is reset", (index) => (index < 3 ? { reset: true } : undefined), /./],
  // A browser may lose what came just before: not every piece goes on where it broke.
  ["pieces break half-way", (index) => (index < 6 ? { truncate: 3 * MB } : undefined), /,(?!0-|8388608-|16777216-)\d+-/],
  // More often than a server may fail in a row.
  ["every answer breaks", () => ({ truncate: MB }), /(,[1-9]\d{4,6}-8388608.*){6}/],
  ["the whole breaks", (index) => ({ whole: true, ...(index === 0 ? { truncate: 3 * MB } : {}) }), /^0-8388608,$/],
  ["the server falls silent", (index) => (index === 1 ? { stall: 2 * MB } : undefined), /./],
];

for (const [name, fault, asked] of PASSING) {
  test(`tries again what may pass: ${name}`, async ({ page, server }) => {
    const bytes = noise(2 * PIECE + 99);
    const url = server.put("/m.gguf", bytes, ({ index }) => fault(index));
    const { error, progress } = await download(page, { url, sha256: sha256(bytes) });
    expect(error).toBeUndefined();
    expect(server.ranges("/m.gguf").join()).toMatch(asked);
    expect(progress.at(-1)!.loaded).toBe(bytes.length);
    expect(await storedOnly(page)).toMatchObject({ sha256: sha256(bytes) });
  });
}

let etag = 0;

const FAILING: [name: string, fault: Fault | (() => Fault), code: string, message: RegExp, retryable: boolean, requests: number | undefined][] = [
  ["401", { status: 401 }, "auth_failed", /401.*access token/, false, 1],
  ["403", { status: 403 }, "auth_failed", /403.*terms/, false, 1],
  ["404", { status: 404 }, "download_failed", /404.*address/, false, 1],
  ["410", { status: 410 }, "download_failed", /410/, false, 1],
  ["416 to anything", { status: 416 }, "download_failed", /416/, false, 2],
  ["429 for long", { status: 429, headers: { "retry-after": "3600" } }, "rate_limited", /429.*later/, true, 1],
  ["429 forever", { status: 429 }, "rate_limited", /429.*later/, true, 6],
  ["500 forever", { status: 500 }, "download_failed", /500/, true, 6],
  ["a web page", { html: true }, "download_failed", /web page.*address/, false, 1],
  ["redirects without end", { redirect: "/m.gguf" }, "download_failed", /redirects/, true, undefined],
  ["no connection", { reset: true }, "download_failed", /no connection/, true, undefined],
  ["nothing but the beginning", { whole: true, truncate: 1000 }, "download_failed", /broke/, true, undefined],
  ["other bytes than those asked for", { contentRange: "bytes 5-8388607/25000000" }, "download_failed", /other bytes/, false, undefined],
  ["more bytes than said", { contentRange: "bytes 0-99/25000000", chunked: true }, "download_failed", /more bytes/, false, undefined],
  ["a file that always changes", () => ({ etag: `"${etag++}"` }), "download_failed", /changed.*load it again/, true, undefined],
];

for (const [name, fault, code, message, retryable, requests] of FAILING) {
  test(`says what is wrong, and what to do: ${name}`, async ({ page, server }) => {
    const url = server.put("/m.gguf", noise(3 * PIECE), fault);
    const { error } = await download(page, url);
    expect(error).toMatchObject({ name: "MinionsError", code, retryable, message: expect.stringMatching(message) });
    expect(error!.message).toMatch(/^m\.gguf: /);
    if (requests !== undefined) expect(server.asked.length).toBe(requests);
    expect(await stored(page), "nothing is left").toEqual([]);
  });
}

test("a file that changes between its pieces is begun anew", async ({ page, server }) => {
  const [old, young] = [noise(4 * PIECE), noise(4 * PIECE, 2)];
  const url = server.put("/m.gguf", old, ({ index }) => (index >= 2 ? { bytes: young } : undefined));
  expect((await download(page, url)).error).toBeUndefined();
  expect(await storedOnly(page)).toMatchObject({ sha256: sha256(young) });
});

/** Leaves a part of a file in the store. */
async function leavePart(page: Page, server: FaultyServer, tab: () => Promise<Page>, url: string): Promise<void> {
  const held = server.holdAfter(4.5 * PIECE);
  const victim = await tab();
  begin(victim, url);
  await held;
  // What is being written cannot always be read.
  await expect(async () => expect((await kept(page)).length).toBeGreaterThan(0)).toPass();
  await victim.close();
  server.release();
  server.asked = [];
}

test("a part of a file that has changed since is not used", async ({ page, server, tab }) => {
  const [old, young] = [noise(6 * PIECE), noise(6 * PIECE, 2)];
  await leavePart(page, server, tab, server.put("/m.gguf", old));
  expect((await download(page, server.put("/m.gguf", young))).error).toBeUndefined();
  expect(await storedOnly(page)).toMatchObject({ sha256: sha256(young) });
});

test("a part of a file that nothing tells from others is used only if the digest is known", async ({ page, server, tab }) => {
  const bytes = noise(6 * PIECE);
  const url = server.put("/m.gguf", bytes, { etag: null });
  await leavePart(page, server, tab, url);
  expect((await download(page, { url, sha256: sha256(bytes) })).error).toBeUndefined();
  expect(server.ranges("/m.gguf").length).toBeLessThan(6);

  await page.evaluate((url) => minions.models.delete(url), url);
  await leavePart(page, server, tab, url);
  expect((await download(page, url)).error).toBeUndefined();
  expect(server.ranges("/m.gguf").length).toBe(6);
  expect(await storedOnly(page)).toMatchObject({ sha256: sha256(bytes) });
});

test("a file without the expected digest is refused, and a mirror's is taken", async ({ page, server, other }) => {
  const [right, wrong] = [noise(2 * PIECE), noise(2 * PIECE, 2)];
  const url = server.put("/m.gguf", wrong);
  const { error } = await download(page, { url, sha256: sha256(right).toUpperCase() });
  expect(error).toMatchObject({ code: "integrity_failed", message: expect.stringMatching(/m\.gguf.*SHA-256.*load it again/) });
  expect(await stored(page)).toEqual([]);

  const mirrors = [server.put("/none.gguf", right, { status: 404 }), other.put("/other-name.gguf", right)];
  expect((await download(page, { url, mirrors, sha256: sha256(right) })).error).toBeUndefined();
  expect(await storedOnly(page)).toMatchObject({ sha256: sha256(right) });
  expect(await cached(page)).toMatchObject([{ url }]);
  expect(await download(page, { url, sha256: "beef" })).toMatchObject({ error: { code: "invalid_request" } });
});

test("a mirror goes on where the first address failed", async ({ page, server, other }) => {
  const bytes = noise(6 * PIECE);
  // Asked for when one of the first four pieces is there.
  const url = server.put("/m.gguf", bytes, ({ index }) => (index >= 4 ? { status: 410 } : undefined));
  const mirror = other.put("/m.gguf", bytes);
  expect((await download(page, { url, mirrors: [mirror] })).error).toBeUndefined();
  expect(other.ranges("/m.gguf").length).toBeLessThan(6);
  expect(await storedOnly(page)).toMatchObject({ sha256: sha256(bytes) });
});

test("what the hub says of a file's digest counts", async ({ page, server }) => {
  const bytes = noise(PIECE + 7);
  const url = server.put("/maker/model/resolve/main/m.gguf", bytes);
  const note = (digest: string) => Buffer.from(`version https://git-lfs.github.com/spec/v1\noid sha256:${digest}\nsize ${bytes.length}\n`);
  server.put("/maker/model/raw/main/m.gguf", note(sha256(noise(8))));
  expect(await download(page, url)).toMatchObject({ error: { code: "integrity_failed" } });
  server.put("/maker/model/raw/main/m.gguf", note(sha256(bytes)));
  expect((await download(page, url)).error).toBeUndefined();
  await page.evaluate((url) => minions.models.delete(url), url);
  server.put("/maker/model/raw/main/m.gguf", Buffer.alloc(0), { status: 404 });
  expect((await download(page, url)).error).toBeUndefined();
});

/** Changes what is stored of a file, as a fault of the disk would. */
async function damage(page: Page, ending: ".data" | ".index", change: "flip" | "cut" | "garbage" | "empty"): Promise<void> {
  const attempt = () =>
    page.evaluate(
      async ({ ending, change }) => {
        const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle("minions-web");
        for await (const handle of (folder as any).values()) {
          if (!handle.name.endsWith(ending)) continue;
          const bytes = new Uint8Array(await (await handle.getFile()).arrayBuffer());
          // A byte of every piece: whichever of them are there.
          for (let at = 1000; at < bytes.length; at += 8 * 1024 * 1024) bytes[at]! ^= 1;
          const stream = await handle.createWritable();
          if (change === "flip") await stream.write(bytes);
          if (change === "cut") await stream.write(bytes.subarray(0, bytes.length - 5));
          if (change === "garbage") await stream.write(`[{"url": 3}]\n${"x".repeat(99)}\n`);
          await stream.close();
        }
      },
      { ending, change },
    );
  // A page that was closed lets go of its files a moment later.
  await expect(attempt).toPass();
}

test("what is damaged in the store is found and fetched again", async ({ page, server }) => {
  const bytes = noise(2 * PIECE);
  const url = server.put("/m.gguf", bytes);
  const cases: [ending: ".data" | ".index", change: "flip" | "cut" | "garbage" | "empty", options: object][] = [
    [".data", "cut", {}],
    [".data", "empty", {}],
    [".index", "garbage", {}],
    [".index", "empty", {}],
    [".data", "flip", { verify: true }],
  ];
  expect((await download(page, url)).error).toBeUndefined();
  for (const [ending, change, options] of cases) {
    await test.step(`${ending}: ${change}`, async () => {
      await damage(page, ending, change);
      server.asked = [];
      expect((await download(page, url, options)).error).toBeUndefined();
      expect(server.asked.length).toBe(2);
      expect(await storedOnly(page)).toMatchObject({ sha256: sha256(bytes) });
    });
  }
  await damage(page, ".index", "garbage");
  expect(await cached(page)).toEqual([]);
  expect(await stored(page), "what is of no use is removed when it is seen").toEqual([]);
});

test("a stored file is read through if asked to, and used if it is right", async ({ page, server }) => {
  const bytes = noise(PIECE + 1);
  const url = server.put("/m.gguf", bytes);
  await download(page, url);
  server.asked = [];
  expect((await download(page, url, { verify: true })).error).toBeUndefined();
  expect(server.asked).toEqual([]);
  // Another digest is wanted: the stored file is not the one.
  expect(await download(page, { url, sha256: sha256(noise(8)) })).toMatchObject({ error: { code: "integrity_failed" } });
  expect(server.asked.length).toBe(2);
});

test("a part that was damaged in the store is found by the digest, and the file begun anew", async ({ page, server, tab }) => {
  const bytes = noise(6 * PIECE);
  const url = server.put("/m.gguf", bytes);
  await leavePart(page, server, tab, url);
  await damage(page, ".data", "flip");
  expect((await download(page, { url, sha256: sha256(bytes) })).error).toBeUndefined();
  expect(await storedOnly(page)).toMatchObject({ sha256: sha256(bytes) });
});

test("stores nothing if it is not to, and asks the browser to keep only what it stores", async ({ page, server }) => {
  const bytes = noise(PIECE + 1);
  await page.evaluate(() => {
    Object.assign(globalThis, { asked: 0 });
    navigator.storage.persist = async () => ((globalThis as any).asked++, false);
  });
  const asked = () => page.evaluate(() => (globalThis as any).asked as number);
  const { error, progress } = await download(page, { url: server.put("/m.gguf", bytes), sha256: sha256(bytes) }, { cache: "none" });
  expect(error).toBeUndefined();
  expect(progress.some((step) => step.stored)).toBe(false);
  expect(await stored(page)).toEqual([]);
  expect(await asked()).toBe(0);
  expect((await download(page, `${server.origin}/m.gguf`)).error).toBeUndefined();
  expect(await asked()).toBe(1);
});

/** Gives the site so much storage, and none more. */
async function setQuota(page: Page, bytes: number): Promise<void> {
  const session = await page.context().newCDPSession(page);
  await session.send("Storage.overrideQuotaForOrigin", { origin: origin(), quotaSize: bytes });
}

test("goes on without storing where there is no room for the file", async ({ page, server }) => {
  const bytes = noise(3 * PIECE);
  await setQuota(page, 2 * PIECE);
  const { error, progress } = await download(page, { url: server.put("/m.gguf", bytes), sha256: sha256(bytes) });
  expect(error).toBeUndefined();
  expect(progress.some((step) => step.stored)).toBe(false);
  expect(server.ranges("/m.gguf").length).toBe(3);
  expect(await stored(page)).toEqual([]);
});

for (const [name, fault] of [["in pieces", {}], ["in one go, of unknown length", { whole: true, chunked: true }]] as const) {
  test(`goes on without storing when the disk is full half-way: ${name}`, async ({ page, server }) => {
    // Chrome sets room aside ahead, up to the next power of two: what was still to come must be more than that.
    const bytes = noise(10 * PIECE);
    const url = server.put("/m.gguf", bytes, fault);
    const held = server.holdAfter(2 * PIECE);
    const loading = download(page, { url, sha256: sha256(bytes) });
    await held;
    // What was sent need not have been written yet.
    await expect(async () => expect((await stored(page))[0]?.size).toBeGreaterThan(0)).toPass();
    await setQuota(page, MB);
    server.release();
    const { error, progress } = await loading;
    expect(error).toBeUndefined();
    expect(progress[0]!.stored).toBe(true);
    expect(progress.at(-1)).toMatchObject({ loaded: bytes.length, stored: false });
    // Nothing is fetched twice for it.
    expect(server.ranges("/m.gguf").length).toBe("whole" in fault ? 1 : 10);
    expect(await stored(page)).toEqual([]);
  });
}

for (const lack of ["folder", "write"]) {
  test(`loads where the browser gives no storage: ${lack}`, async ({ page, server }) => {
    const bytes = noise(2 * PIECE);
    const source = { url: server.put("/m.gguf", bytes), sha256: sha256(bytes) };
    const stored = await page.evaluate(
      async ({ source, lack }) => {
        const worker = new Worker(`/pages/no-storage-worker.js?${lack}`, { type: "module" });
        const stored: boolean[] = [];
        await minions.models.download(source, { worker, onProgress: (step: Progress) => stored.push(step.stored) });
        worker.terminate();
        return stored;
      },
      { source, lack },
    );
    expect(stored.length).toBeGreaterThan(0);
    expect(stored).not.toContain(true);
    expect(await cached(page)).toEqual([]);
  });
}

test("files that somebody else writes to are let alone", async ({ page, server, tab }) => {
  const bytes = noise(6 * PIECE);
  const url = server.put("/m.gguf", bytes);
  await leavePart(page, server, tab, url);
  await page.evaluate(
    () => new Promise((resolve) => (new Worker("/pages/holding-worker.js", { type: "module" }).onmessage = () => resolve(undefined))),
  );
  const before = await stored(page);
  const { error, progress } = await download(page, { url, sha256: sha256(bytes) });
  expect(error).toBeUndefined();
  expect(progress.some((step) => step.stored)).toBe(false);
  expect(await stored(page)).toEqual(before);
});

test("a token goes to the model's own host, and nowhere else", async ({ page, server, other, complaints }) => {
  const token = "hf_verysecret0123456789";
  const bytes = noise(2 * PIECE);
  const gated = (fault: Fault = {}) => ({ authorization }: { authorization: string | undefined }) =>
    authorization === `Bearer ${token}` ? fault : { status: 401 };
  const behind = other.put("/content", bytes);
  const url = server.put("/m.gguf", bytes, gated({ redirect: behind }));

  const without = await download(page, url);
  expect(without.error).toMatchObject({ code: "auth_failed", message: expect.stringMatching(/access token/) });
  const wrong = await download(page, { url, token: "hf_wrong0123456789" });
  expect(wrong.error).toMatchObject({ code: "auth_failed", message: expect.stringMatching(/token is valid/) });
  const right = await download(page, { url: `${url}?signature=querysecret#fragment`, token, mirrors: [behind] });
  expect(right.error).toBeUndefined();
  expect(server.asked.filter(({ method, headers }) => method === "GET" && headers.authorization === `Bearer ${token}`).length).toBe(2);
  expect(other.asked.length).toBe(2);

  const broken = server.put("/broken.gguf", bytes, gated({ status: 410 }));
  expect((await download(page, { url: broken, token, mirrors: [behind] })).error).toBeUndefined();
  expect(other.asked.length).toBe(4);
  expect(other.asked.flatMap(({ headers }) => Object.values(headers)).join()).not.toContain("secret");

  const everything = JSON.stringify([
    await stored(page),
    await cached(page),
    [without, wrong, right],
    await page.evaluate(async () => [{ ...localStorage }, { ...sessionStorage }, document.cookie, await indexedDB.databases(), await caches.keys()]),
  ]);
  expect(everything).not.toMatch(/verysecret|querysecret|hf_wrong/);
  expect(complaints.unexpected).toEqual([]);
});

test("a paused download fetches nothing until it is resumed", async ({ page, server }) => {
  const bytes = noise(8 * PIECE);
  const url = server.put("/m.gguf", bytes);
  const held = server.holdAfter(PIECE);
  const loading = page.evaluate(async (url) => {
    const controller = new minions.DownloadController();
    Object.assign(globalThis, { controller, loaded: 0 });
    const onProgress = ({ loaded }: Progress) => Object.assign(globalThis, { loaded });
    await minions.models.download(url, { controller, onProgress });
    return controller.isPaused as boolean;
  }, url);
  await held;
  await page.evaluate(() => (globalThis as any).controller.pause());
  server.release();
  const loaded = () => page.evaluate(() => (globalThis as any).loaded as number);
  // What is under way may still come.
  await page.waitForTimeout(2000);
  const atRest = await loaded();
  await page.waitForTimeout(2000);
  expect(await loaded()).toBe(atRest);
  expect(atRest).toBeLessThan(5 * PIECE);
  expect(server.asked.length).toBeLessThanOrEqual(5);
  await page.evaluate(() => (globalThis as any).controller.resume());
  expect(await loading).toBe(false);
  expect(await storedOnly(page)).toMatchObject({ sha256: sha256(bytes) });
});

test("lists, measures and deletes what is stored", async ({ page, server, tab }) => {
  const [whole, part] = [noise(PIECE + 5), noise(6 * PIECE, 2)];
  const names = ["/split-00001-of-00002.gguf", "/split-00002-of-00002.gguf"];
  const [split] = names.map((name, index) => server.put(name, noise(1000, index + 3)));
  const url = server.put("/whole.gguf", whole);
  await leavePart(page, server, tab, server.put("/part.gguf", part));
  expect((await download(page, url)).error).toBeUndefined();
  expect((await download(page, split!)).error).toBeUndefined();

  const all = await cached(page);
  expect(all.map((model) => model.url)).toEqual([split, url, `${server.origin}/part.gguf`]);
  expect(all).toMatchObject([{ size: 2000, complete: true }, { size: PIECE + 5, complete: true }, { complete: false, lastUsed: null }]);
  const usage = await page.evaluate(() => minions.models.usage());
  expect(usage.models).toBe(all.reduce((sum, { size }) => sum + size, 0));
  expect(usage.used).toBeGreaterThanOrEqual(usage.models);
  expect(usage.quota).toBeGreaterThan(usage.used);

  // What is being fetched is let alone: two pieces at least.
  const held = server.holdAfter(PIECE);
  const busy = await tab();
  begin(busy, `${server.origin}/part.gguf`);
  await held;
  const refusal = await page.evaluate((url) => minions.models.delete(url).catch(({ code }: { code: string }) => code), `${server.origin}/part.gguf`);
  expect(refusal).toBe("busy");
  await page.evaluate(() => minions.models.deletePartial());
  expect((await cached(page)).length).toBe(3);
  await busy.close();
  server.release();

  await expect
    .poll(async () => {
      await page.evaluate(() => minions.models.deletePartial());
      return (await cached(page)).map((model) => model.url);
    })
    .toEqual([split, url]);
  await page.evaluate((url) => minions.models.delete(url), split!);
  await page.evaluate((url) => minions.models.delete(url), url);
  expect(await stored(page)).toEqual([]);
});

const EMBEDDED = { device: "cpu", contextLength: 128 };

/** Loads a model and asks it something; a failure as a text. */
async function ask(page: Page, url: string, options: object = {}): Promise<string> {
  return page.evaluate(
    async ({ url, options }) => {
      try {
        const engine = await minions.Engine.load(url, options);
        const { choices } = await engine.chat.completions.create({ messages: [{ role: "user", content: "Hello" }], max_tokens: 3 });
        await engine.unload();
        return choices[0].finish_reason as string;
      } catch (error) {
        return (error as { code: string }).code;
      }
    },
    { url, options: { ...EMBEDDED, ...options } },
  );
}

test("a stored model is loaded without its server, from a file and from a folder", async ({ page, server }) => {
  const gguf = readFileSync(new URL("../../www/public/models/demo-worker.gguf", import.meta.url));
  // What follows the weights is of no account, and makes the file one of several pieces.
  const url = server.put("/demo.gguf", Buffer.concat([gguf, noise(2 * PIECE)]));
  const fixtures = new URL("../fixtures/demo-worker/", import.meta.url);
  for (const name of readdirSync(fixtures)) server.put(`/folder/${name}`, readFileSync(new URL(name, fixtures)));
  const folder = `${server.origin}/folder/`;
  for (const model of [url, folder]) {
    expect(await ask(page, model)).toBe("length");
    expect(server.asked.length).toBeGreaterThan(2);
    server.asked = [];
    expect(await ask(page, model)).toBe("length");
    expect(server.asked).toEqual([]);
  }
  expect(await cached(page)).toMatchObject([{ url: folder, complete: true }, { url, complete: true }]);

  // Of a folder only what is gone is fetched again.
  const weights = (await stored(page)).find(({ size }) => size === server.size("/folder/model.safetensors"))!;
  await page.evaluate(async (name) => {
    await (await (await navigator.storage.getDirectory()).getDirectoryHandle("minions-web")).removeEntry(name);
  }, weights.name);
  expect(await cached(page)).toMatchObject([{ url: folder, complete: false }, { url, complete: true }]);
  expect(await ask(page, folder)).toBe("length");
  expect(server.asked.map(({ path }) => path)).toEqual(["/folder/model.safetensors"]);
});

test("a stored file that goes while it is read is an error that says so, or none", async ({ page, server }) => {
  const url = server.put("/demo.gguf", readFileSync(new URL("../../www/public/models/demo-worker.gguf", import.meta.url)));
  expect((await download(page, url)).error).toBeUndefined();
  const outcome = await page.evaluate(async (url) => {
    // It is refused as long as the load has the file's lock, and then tried with the next piece.
    const onProgress = ({ phase }: Progress) => phase === "upload" && minions.models.delete(url).catch(() => {});
    try {
      await (await minions.Engine.load(url, { device: "cpu", onProgress })).unload();
      return "loaded";
    } catch (error) {
      return (error as { code: string }).code;
    }
  }, url);
  expect(["loaded", "download_failed"]).toContain(outcome);
  expect(await ask(page, url)).toBe("length");
});

test("a paused load can be aborted, and its worker used again", async ({ page, server }) => {
  const bytes = noise(3 * PIECE);
  const source = { url: server.put("/m.gguf", bytes), sha256: sha256(bytes) };
  const name = await page.evaluate(async (source) => {
    const worker = new Worker("/pkg/worker.js", { type: "module" });
    const [abort, controller] = [new AbortController(), new minions.DownloadController()];
    controller.pause();
    const paused = minions.models.download(source, { worker, controller, signal: abort.signal });
    abort.abort();
    const name = await paused.catch((error: Error) => error.name);
    await minions.models.download(source, { worker });
    worker.terminate();
    return name as string;
  }, source);
  expect(name).toBe("AbortError");
  expect(await storedOnly(page)).toMatchObject({ sha256: sha256(bytes) });
});

test("what has an address of this page only is not stored", async ({ page }) => {
  await page.evaluate(() => minions.models.download(URL.createObjectURL(new Blob([new Uint8Array(9 * 1024 * 1024)]))));
  expect(await stored(page)).toEqual([]);
});

test("a file that is no model is not kept", async ({ page, server }) => {
  const url = server.put("/m.gguf", noise(PIECE + 1));
  expect(await ask(page, url)).toBe("invalid_model");
  expect(await stored(page)).toEqual([]);
});

test("a private window stores what it may, or says that it does not", async ({ server }) => {
  const browser = await chromium.launch(launchOptions("none"));
  const page = await browser.newPage();
  await open(page);
  const bytes = noise(2 * PIECE);
  const { error, progress } = await download(page, { url: server.put("/m.gguf", bytes), sha256: sha256(bytes) });
  expect(error).toBeUndefined();
  expect((await cached(page)).length).toBe(progress.at(-1)!.stored ? 1 : 0);
  await browser.close();
});

const DEMO = readFileSync(new URL("../../www/public/models/demo-worker.gguf", import.meta.url));

/** Where the metadata of a GGUF file begins; before it stands how many entries they are. */
const METADATA = 24;

/** The included worker with a metadata entry of so many bytes before all others: its weights come after that. */
function padded(bytes: number): Buffer {
  const name = "padding";
  const entry = Buffer.alloc(8 + name.length + 4 + 8);
  entry.writeBigUInt64LE(BigInt(name.length), 0);
  entry.write(name, 8);
  entry.writeUInt32LE(8, 8 + name.length);
  const text = Buffer.alloc(bytes - entry.length, " ");
  entry.writeBigUInt64LE(BigInt(text.length), entry.length - 8);
  const head = Buffer.from(DEMO.subarray(0, METADATA));
  head.writeBigUInt64LE(head.readBigUInt64LE(METADATA - 8) + 1n, METADATA - 8);
  return Buffer.concat([head, entry, text, DEMO.subarray(METADATA)]);
}

/** The included worker with so many bytes of nothing behind its first tensor. */
function withGap(bytes: number): Buffer {
  const patched = Buffer.from(DEMO);
  let at = DEMO.indexOf("token_embd.weight") - 8;
  for (let left = Number(DEMO.readBigUInt64LE(METADATA - 16)); left > 0; left--) {
    at += 8 + Number(DEMO.readBigUInt64LE(at));
    at += 4 + 8 * DEMO.readUInt32LE(at) + 4;
    const offset = DEMO.readBigUInt64LE(at);
    if (offset > 0n) patched.writeBigUInt64LE(offset + BigInt(bytes), at);
    at += 8;
  }
  const second = Math.ceil(at / 32) * 32 + 4096 * 256 * 2;
  return Buffer.concat([patched.subarray(0, second), Buffer.alloc(bytes), patched.subarray(second)]);
}

/** The included worker with other weights. */
function otherWeights(): Buffer {
  const other = Buffer.from(DEMO);
  // Behind the header, which is a fortieth of the file.
  other.fill(0, DEMO.length / 4);
  return other;
}

interface Loaded {
  /** What the model says. */
  reply: string;
  error: Result["error"];
  progress: Progress[];
}

/** Loads a model, doing something at the first progress of a phase, and asks it something. */
async function load(page: Page, source: string | object, first: { download?: () => void; upload?: () => void } = {}): Promise<Loaded> {
  await page.exposeFunction("begins", (phase: "download" | "upload") => first[phase]?.()).catch(() => {});
  return page.evaluate(
    async ({ source, options }) => {
      const progress: Progress[] = [];
      const onProgress = (step: Progress) => {
        if (!progress.some(({ phase }) => phase === step.phase)) void (globalThis as any).begins(step.phase);
        progress.push(step);
      };
      try {
        const engine = await minions.Engine.load(source, { ...options, onProgress });
        const { choices } = await engine.chat.completions.create({
          messages: [{ role: "user", content: "What is the notice period?" }],
          max_tokens: 16,
          temperature: 0,
        });
        await engine.unload();
        return { reply: choices[0].message.content as string, error: undefined, progress };
      } catch (error) {
        const { name, code, message, retryable } = error as NonNullable<Result["error"]>;
        return { reply: "", error: { name, code, message, retryable }, progress };
      }
    },
    { source, options: EMBEDDED },
  );
}

/** Something to wait for. */
function event(): { happened: Promise<void>; happens: () => void } {
  let happens = () => {};
  const happened = new Promise<void>((resolve) => (happens = resolve));
  return { happened, happens };
}

test("weights go to the device before the last byte was sent", async ({ page, server }) => {
  const url = server.put("/m.gguf", DEMO);
  server.holdAfter(DEMO.length - 1000);
  const { reply, error, progress } = await load(page, url, { upload: () => server.release() });
  expect(error).toBeUndefined();
  expect(server.ranges("/m.gguf").length).toBe(1);
  const phases = progress.map(({ phase }) => phase);
  expect(phases.indexOf("upload")).toBeLessThan(phases.lastIndexOf("download"));
  for (const phase of ["download", "upload"]) {
    const loaded = progress.filter((step) => step.phase === phase).map((step) => step.loaded);
    expect(loaded).toEqual(loaded.toSorted((one, other) => one - other));
  }
  expect(progress.findLast(({ phase }) => phase === "download")).toMatchObject({ loaded: DEMO.length, stored: true });
  expect(await storedOnly(page)).toMatchObject({ sha256: sha256(DEMO) });
  // Now it comes out of the store.
  expect((await load(page, url)).reply).toBe(reply);
  expect(server.ranges("/m.gguf").length).toBe(1);
});

test("what the engine waits for is fetched before what comes earlier in the file", async ({ page, server }) => {
  const bytes = withGap(5 * PIECE);
  const { happened, happens } = event();
  const url = server.put("/m.gguf", bytes, async ({ start }) => {
    if (start !== 0) await happened;
    return undefined;
  });
  server.holdAfter(PIECE - 1000);
  const upload = () => {
    happens();
    server.release();
  };
  const { error } = await load(page, { url, sha256: sha256(bytes) }, { upload });
  expect(error).toBeUndefined();
  const all = pieces(bytes.length);
  const asked = [...new Set(server.ranges("/m.gguf"))];
  expect(asked.slice(0, 4).toSorted()).toEqual(all.slice(0, 4).toSorted());
  expect(asked[4]).toBe(all[5]);
  expect(asked.toSorted()).toEqual(all.toSorted());
});

test("a wrong digest is no engine, whatever is on the device by then", async ({ page, server }) => {
  const url = server.put("/m.gguf", DEMO);
  server.holdAfter(DEMO.length - 1000);
  await page.exposeFunction("uploading", () => server.release());
  const outcome = await page.evaluate(
    async ({ url, sha256, options }) => {
      const worker = new Worker("/pkg/worker.js", { type: "module" });
      const onProgress = ({ phase }: Progress) => phase === "upload" && void (globalThis as any).uploading();
      const refused = await minions.Engine.load({ url, sha256 }, { ...options, worker, onProgress }).catch((error: Error) => error);
      // A worker that held an engine would refuse another.
      const engine = await minions.Engine.load(url, { ...options, worker });
      return { code: refused.code as string, name: engine.model.architecture as string };
    },
    { url, sha256: sha256(noise(8)), options: EMBEDDED },
  );
  expect(outcome).toEqual({ code: "integrity_failed", name: "llama" });
});

test("a file that changes after some of it was uploaded is loaded as it is then", async ({ page, server }) => {
  const tail = noise(2 * PIECE);
  const [old, young] = [otherWeights(), DEMO].map((model) => Buffer.concat([model, tail]));
  const [right, wrong] = [server.put("/young.gguf", young!), server.put("/old.gguf", old!)];
  const { happened, happens } = event();
  let hasChanged = false;
  const url = server.put("/m.gguf", old!, async ({ start }) => {
    // Whatever comes after the weights is asked for when some of them are on the device.
    if (start !== 0) await happened;
    return hasChanged ? { bytes: young! } : undefined;
  });
  const upload = () => {
    hasChanged = true;
    happens();
  };
  const { reply, error } = await load(page, url, { upload });
  expect(error).toBeUndefined();
  expect(reply).toBe((await load(page, right)).reply);
  expect(reply).not.toBe((await load(page, wrong)).reply);
  expect((await stored(page)).map((file) => file.sha256)).toContain(sha256(young!));
});

const UNUSABLE: [name: string, bytes: Buffer, code: string][] = [
  ["no model at all", noise(PIECE), "invalid_model"],
  ["an architecture that is not known", Buffer.from(DEMO), "unknown_model"],
];
UNUSABLE[1]![1].write("lamma", DEMO.indexOf("llama"));

for (const [name, beginning, code] of UNUSABLE) {
  test(`what cannot be used is not fetched to its end: ${name}`, async ({ page, server }) => {
    const { happened, happens } = event();
    const url = server.put("/m.gguf", Buffer.concat([beginning, noise(10 * PIECE)]), async ({ start }) => {
      if (start !== 0) await happened;
      return undefined;
    });
    expect((await load(page, url)).error).toMatchObject({ code });
    expect(server.asked.reduce((sum, { sent }) => sum + sent, 0)).toBeLessThanOrEqual(PIECE);
    expect(await stored(page)).toEqual([]);
    happens();
  });
}

test("a part that was damaged in the store is begun anew, though the engine has read it", async ({ page, server, tab }) => {
  const bytes = Buffer.concat([DEMO, noise(6 * PIECE)]);
  const url = server.put("/m.gguf", bytes);
  await leavePart(page, server, tab, url);
  await damage(page, ".data", "flip");
  expect((await load(page, { url, sha256: sha256(bytes) })).error).toBeUndefined();
  expect(await storedOnly(page)).toMatchObject({ sha256: sha256(bytes) });
});

test("a mirror's file is loaded where the first address has one that is no model", async ({ page, server, other }) => {
  const url = server.put("/m.gguf", noise(2 * PIECE));
  const mirror = other.put("/m.gguf", DEMO);
  expect((await load(page, { url, mirrors: [mirror], sha256: sha256(DEMO) })).error).toBeUndefined();
  expect(await storedOnly(page)).toMatchObject({ sha256: sha256(DEMO) });
});

test("a model is loaded to its end when the disk is full while the engine reads it", async ({ page, server }) => {
  // Its weights come last: they are read from memory.
  const bytes = padded(10 * PIECE);
  const url = server.put("/m.gguf", bytes);
  server.holdAfter(2 * PIECE);
  const download = () => void setQuota(page, MB).then(() => server.release());
  const { error, progress } = await load(page, { url, sha256: sha256(bytes) }, { download });
  expect(error).toBeUndefined();
  expect(progress[0]!.stored).toBe(true);
  expect(progress.findLast(({ phase }) => phase === "download")).toMatchObject({ stored: false });
  expect(server.ranges("/m.gguf").length).toBe(11);
  expect(await stored(page)).toEqual([]);
});

test("a load that is aborted while weights arrive ends, and its worker loads another", async ({ page, server }) => {
  const url = server.put("/m.gguf", DEMO);
  server.holdAfter(DEMO.length - 1000);
  await page.exposeFunction("uploading", () => server.release());
  const outcome = await page.evaluate(
    async ({ url, options }) => {
      const worker = new Worker("/pkg/worker.js", { type: "module" });
      const controller = new AbortController();
      const onProgress = ({ phase }: Progress) => phase === "upload" && controller.abort();
      const { signal } = controller;
      const aborted = await minions.Engine.load(url, { ...options, worker, onProgress, signal }).catch((error: Error) => error);
      await (globalThis as any).uploading();
      const again = await minions.Engine.load(url, { ...options, worker });
      return { name: aborted.name as string, architecture: again.model.architecture as string };
    },
    { url, options: EMBEDDED },
  );
  expect(outcome).toEqual({ name: "AbortError", architecture: "llama" });
  expect(await storedOnly(page)).toMatchObject({ sha256: sha256(DEMO) });
});

test("an aborted load leaves its worker free, however far it had come", async ({ page, server }) => {
  const url = server.put("/m.gguf", DEMO);
  const names = await page.evaluate(
    async ({ url, options }) => {
      const worker = new Worker("/pkg/worker.js", { type: "module" });
      const names: string[] = [];
      for (const delayMs of [0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024]) {
        const controller = new AbortController();
        const onProgress = ({ phase }: Progress) => phase === "upload" && setTimeout(() => controller.abort(), delayMs);
        const { signal } = controller;
        const load = minions.Engine.load(url, { ...options, worker, onProgress, signal });
        const ended = load.then((engine: { unload(): Promise<void> }) => engine.unload().then(() => "loaded"));
        names.push(await ended.catch((error: Error) => error.name));
      }
      await (await minions.Engine.load(url, { ...options, worker })).unload();
      worker.terminate();
      return names;
    },
    { url, options: EMBEDDED },
  );
  expect(names).toContain("AbortError");
  expect(names.filter((name) => name !== "AbortError" && name !== "loaded")).toEqual([]);
});
