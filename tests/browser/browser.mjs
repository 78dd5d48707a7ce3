// Which browser the tests drive, and how it is started.
import { existsSync } from "node:fs";

const KNOWN = {
  linux: [
    "/usr/bin/google-chrome-stable",
    "/usr/bin/google-chrome",
    "/opt/google/chrome/chrome",
    "/usr/bin/chromium",
    "/usr/bin/chromium-browser",
    "/snap/bin/chromium",
    "/usr/bin/microsoft-edge",
  ],
  darwin: [
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
  ],
  win32: ["ProgramFiles", "ProgramFiles(x86)", "LocalAppData"].flatMap((name) =>
    process.env[name] ? [`${process.env[name]}\\Google\\Chrome\\Application\\chrome.exe`] : [],
  ),
};

/** The browser's program: `MINIONS_BROWSER`, else the first known one that is installed. */
export function executablePath() {
  const named = process.env.MINIONS_BROWSER;
  if (named) return named;
  const found = (KNOWN[process.platform] ?? []).find((path) => existsSync(path));
  if (!found) throw new Error("no Chrome or Chromium found: install one, or name its program in MINIONS_BROWSER");
  return found;
}

const QUIET = [
  "--disable-quic",
  "--no-first-run",
  "--no-default-browser-check",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-default-apps",
  "--disable-domain-reliability",
  "--disable-sync",
  "--no-pings",
];

// Chrome's own software adapter: the same on every machine, with or without a GPU. It compiles the zeroing of workgroup memory
// word by word, which took ten of the fourteen seconds of a load; kernels read nothing that they have not written (natively
// nothing is zeroed either), so that it is left out.
const SOFTWARE = [
  "--enable-unsafe-webgpu",
  "--use-webgpu-adapter=swiftshader",
  "--enable-features=Vulkan",
  "--enable-dawn-features=disable_workgroup_init",
];
// The machine's GPU, where WebGPU is not on by default.
const HARDWARE = ["--enable-unsafe-webgpu", "--enable-features=Vulkan", "--ignore-gpu-blocklist"];
// Without a GPU process's rendering there is no adapter, on any machine.
const NONE = ["--disable-gpu", "--disable-software-rasterizer"];

/**
 * Launch options for Playwright. `adapter` is `software` (what tests compare with is the same everywhere), `hardware`, or
 * `none` (a browser without WebGPU); `MINIONS_BROWSER_ADAPTER` names it where the caller does not.
 */
export function launchOptions(adapter = process.env.MINIONS_BROWSER_ADAPTER || "software") {
  const flags = { software: SOFTWARE, hardware: HARDWARE, none: NONE }[adapter];
  if (!flags) throw new Error(`no adapter "${adapter}": software, hardware or none`);
  return {
    executablePath: executablePath(),
    headless: true,
    args: [...QUIET, ...flags],
    // Playwright's headless default would switch WebGPU off with the rest of the GPU.
    ignoreDefaultArgs: adapter === "none" ? [] : ["--disable-gpu"],
  };
}
