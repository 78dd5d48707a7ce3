// What the tests share: the package as a tarball, a project that installs it, a static server and a browser.
import { execFile } from "node:child_process";
import { createReadStream } from "node:fs";
import { cp, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { extname, join, normalize, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { chromium } from "playwright-core";
import { launchOptions } from "../browser/browser.mjs";
import { listen } from "./listen.mjs";

const run = promisify(execFile);

const here = fileURLToPath(new URL(".", import.meta.url));
export const root = join(here, "..", "..");

/** The built package. `MINIONS_PKG` names another one. */
export const pkg = process.env.MINIONS_PKG ?? join(root, "pkg");

const MODEL = join(root, "www", "public", "models", "demo-worker.gguf");

/** Runs npm, or a program that a project brings. */
export async function npm(cwd, ...args) {
  const { stdout } = await run("npm", args, { cwd, shell: process.platform === "win32", maxBuffer: 1 << 24 });
  return stdout;
}

/** A fresh folder that is removed after the test. */
export async function scratch(t) {
  const folder = await mkdtemp(join(tmpdir(), "minions-package-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Packs the package as `npm publish` would. */
export async function pack(t) {
  const folder = await scratch(t);
  const [{ filename, files }] = JSON.parse(await npm(pkg, "pack", "--json", "--silent", "--pack-destination", folder));
  return { tarball: join(folder, filename), files };
}

/**
 * A copy of the project in `path`, beside this file or in the repository, with the packed tarball and its own dependencies
 * installed as its lock file says. It may name the package, as users would, or leave that to us.
 */
export async function project(t, path) {
  const folder = await scratch(t);
  const from = await exists(join(here, path)) ? join(here, path) : join(root, path);
  await cp(from, folder, { recursive: true, filter: (file) => !LEFT_OUT.test(file) });
  const { tarball } = await pack(t);
  if (await exists(join(folder, "package-lock.json"))) {
    await dependOn(folder, tarball);
    await npm(folder, "ci", ...QUIETLY);
  } else {
    await npm(folder, "install", "--no-save", ...QUIETLY, tarball);
  }
  return folder;
}

const LEFT_OUT = /[\\/](node_modules|dist|out|\.next)$/;
const QUIETLY = ["--loglevel=error", "--no-audit", "--no-fund", "--prefer-offline"];

/** Has the project in `folder` take the package from the tarball. */
async function dependOn(folder, tarball) {
  const [manifest, lock] = await Promise.all(["package.json", "package-lock.json"].map((name) => readJson(join(folder, name))));
  const resolved = `file:${tarball}`;
  for (const declared of [manifest, lock.packages[""]]) declared.dependencies = { ...declared.dependencies, "minions-web": resolved };
  const { version } = await readJson(join(pkg, "package.json"));
  lock.packages["node_modules/minions-web"] = { version, resolved };
  await writeFile(join(folder, "package.json"), JSON.stringify(manifest));
  await writeFile(join(folder, "package-lock.json"), JSON.stringify(lock));
}

async function readJson(path) {
  return JSON.parse(await readFile(path, "utf8"));
}

/** Puts the demo model where a project's page looks for it. */
export async function addModel(folder, name = "demo-worker.gguf") {
  await cp(MODEL, join(folder, name));
}

const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".wasm": "application/wasm",
};

/** Serves a folder on 127.0.0.1 and gives its address. */
export async function serve(t, folder) {
  return listen(t, async (request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://127.0.0.1");
    const file = normalize(join(folder, pathname.endsWith("/") ? `${pathname}index.html` : pathname));
    const found = file.startsWith(folder + sep) ? await stat(file).catch(() => undefined) : undefined;
    if (!found?.isFile()) return response.writeHead(404).end();
    const type = TYPES[extname(file)] ?? "application/octet-stream";
    response.writeHead(200, { "content-type": type, "content-length": found.size });
    createReadStream(file).pipe(response);
  });
}

/** Opens the address in a browser; `adapter` as in `tests/browser/browser.mjs`. Errors that the page logs are collected. */
export async function open(t, url, adapter) {
  const browser = await chromium.launch(launchOptions(adapter));
  t.after(() => browser.close());
  return visit(browser, url);
}

/** Opens the address in a page of its own, in a browser or a profile of one. */
export async function visit(browser, url) {
  const page = await browser.newPage();
  page.setDefaultTimeout(120_000);
  const errors = [];
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  page.on("pageerror", (error) => errors.push(String(error)));
  await page.goto(url);
  return { page, errors };
}

export async function exists(path) {
  return (await stat(path).catch(() => undefined)) !== undefined;
}
