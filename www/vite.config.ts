import { createHash } from "node:crypto";
import { readFile, readdir, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { defineConfig, transformWithOxc, type Plugin } from "vite";

/**
 * The page's own Content-Security-Policy once more as `_headers`, which hosts such as Netlify and Cloudflare Pages, and
 * `cargo xtask demo`, send with every file. A `<meta>` binds the page alone: a worker obeys what comes with its script.
 */
const headers: Plugin = {
  name: "headers",
  enforce: "post",
  generateBundle(_, bundle) {
    const page = bundle["index.html"];
    const html = page?.type === "asset" ? String(page.source) : "";
    const policy = /http-equiv="Content-Security-Policy"\s+content="([^"]+)"/.exec(html)?.[1];
    if (!policy) this.error("index.html has no Content-Security-Policy");
    const line = policy.trim().replace(/\s+/g, " ");
    this.emitFile({ type: "asset", fileName: "_headers", source: `/*\n  Content-Security-Policy: ${line}\n` });
  },
};

/** What the service worker does not keep: models, which the package does, and what only developers and hosts read. */
const NOT_KEPT = /\.gguf$|\.map$|^_headers$|^service-worker\.js$/;

/** Writes the service worker, with the list of the files that the build has just written. */
const offline: Plugin = {
  name: "offline",
  apply: "build",
  enforce: "post",
  async closeBundle() {
    const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));
    const entries = await readdir(at("dist"), { recursive: true, withFileTypes: true });
    const paths = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => `${parentPath}/${name}`.slice(at("dist/").length));
    const files: Record<string, string> = {};
    for (const path of paths.filter((path) => !NOT_KEPT.test(path)).sort()) {
      files[path === "index.html" ? "./" : path] = createHash("sha256").update(await readFile(at(`dist/${path}`))).digest("hex");
    }
    const list = JSON.stringify(files, null, 2);
    const version = createHash("sha256").update(list).digest("hex").slice(0, 16);
    const source = at("service-worker/service-worker.ts");
    const { code } = await transformWithOxc(await readFile(source, "utf8"), source, { sourcemap: false });
    await writeFile(at("dist/service-worker.js"), `const VERSION = "${version}";\nconst FILES = ${list};\n${code}`);
  },
};

export default defineConfig({
  // Relative, so that the built page runs from any folder of any static server.
  base: "./",
  plugins: [headers, offline],
  build: {
    target: "es2022",
    // Nothing is inlined: `data:` URLs are for images alone in this page's Content-Security-Policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // What is built in keeps its licence beside it.
    license: { fileName: "licenses.md" },
    // pdf.js is larger than others may be, and fetched only when there is a PDF.
    chunkSizeWarningLimit: 600,
    sourcemap: true,
  },
  worker: { format: "es" },
  // The package finds its worker and its wasm next to itself; pre-bundling would move it away from them.
  optimizeDeps: { exclude: ["minions-web"] },
  server: { fs: { allow: [".."] } },
});
