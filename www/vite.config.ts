import { defineConfig, type Plugin } from "vite";

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

export default defineConfig({
  // Relative, so that the built page runs from any folder of any static server.
  base: "./",
  plugins: [headers],
  build: {
    target: "es2022",
    // Nothing is inlined: `data:` URLs are for images alone in this page's Content-Security-Policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: true,
  },
  worker: { format: "es" },
  // The package finds its worker and its wasm next to itself; pre-bundling would move it away from them.
  optimizeDeps: { exclude: ["minions-web"] },
  server: { fs: { allow: [".."] } },
});
