// Rollup follows no `new URL(…, import.meta.url)`: the worker is an entry, and the wasm lies where the package looks.
import { readFile } from "node:fs/promises";
import resolve from "@rollup/plugin-node-resolve";

const FILES = {
  "index.html": "index.html",
  "wasm/minions_web_bg.wasm": "node_modules/minions-web/wasm/minions_web_bg.wasm",
};

const files = {
  name: "files",
  async generateBundle() {
    for (const [fileName, path] of Object.entries(FILES)) this.emitFile({ type: "asset", fileName, source: await readFile(path) });
  },
};

export default {
  input: { main: "main.js", worker: "minions-web/worker" },
  output: { dir: "dist", entryFileNames: "[name].js", chunkFileNames: "[name].js" },
  plugins: [resolve(), files],
};
