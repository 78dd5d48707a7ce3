// esbuild follows no `new URL(…, import.meta.url)`: the worker and the wasm are entries, and lie where the package looks.
import { build } from "esbuild";

await build({
  entryPoints: {
    index: "index.html",
    main: "main.js",
    worker: "minions-web/worker",
    "wasm/minions_web_bg": "minions-web/minions.wasm",
  },
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  outdir: "dist",
  loader: { ".html": "copy", ".wasm": "copy" },
});
