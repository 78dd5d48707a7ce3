import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [svelte()],
  // The package finds its worker and its wasm beside itself; the development server would move it away from them.
  optimizeDeps: { exclude: ["minions-web"] },
});
