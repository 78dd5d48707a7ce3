import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [react()],
  // The package finds its worker and its wasm beside itself; the development server would move it away from them.
  optimizeDeps: { exclude: ["minions-web"] },
});
