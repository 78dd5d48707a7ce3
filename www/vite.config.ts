import { defineConfig } from "vite";

export default defineConfig({
  // Relative, so that the built page runs from any folder of any static server.
  base: "./",
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
