import { defineConfig } from "@playwright/test";
import { launchOptions } from "./browser.mjs";

export default defineConfig({
  testDir: ".",
  outputDir: "results/artifacts",
  globalSetup: "./setup.ts",
  // What is compared is the same on every platform.
  snapshotPathTemplate: "{testDir}/layouts/{arg}{ext}",
  // One page at a time: a software adapter takes every core there is.
  workers: 1,
  fullyParallel: false,
  forbidOnly: true,
  retries: 0,
  timeout: 180_000,
  expect: { timeout: 20_000 },
  reporter: [["list"]],
  // Only offline.spec.ts has the page's service worker: it would answer where tests do, and keep what they replace.
  use: { trace: "off", screenshot: "only-on-failure", serviceWorkers: "block" },
  projects: [
    {
      name: "webgpu",
      // Whatever is not said to be for another browser: a new file is run, not forgotten.
      testIgnore: ["cpu.spec.ts", "firefox.spec.ts"],
      use: { launchOptions: launchOptions() },
    },
    { name: "cpu", testMatch: "cpu.spec.ts", use: { launchOptions: launchOptions("none") } },
    // It starts its own browser.
    { name: "firefox", testMatch: "firefox.spec.ts" },
  ],
});
