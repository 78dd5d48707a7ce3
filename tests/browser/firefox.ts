/**
 * A Firefox as its users have it. Playwright drives only builds of its own, and over WebDriver BiDi none as old as Debian's; so
 * puppeteer does.
 */
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import puppeteer, { type Browser, type Page } from "puppeteer-core";
import type { Complaints } from "./fixtures.js";

const PROGRAMS = ["firefox-esr", "firefox", "firefox.exe"];

/** Where macOS and Windows keep it, which they do not put on PATH. */
const PLACES = ["/Applications/Firefox.app/Contents/MacOS/firefox", "C:\\Program Files\\Mozilla Firefox\\firefox.exe"];

/** Firefox's program: `MINIONS_FIREFOX`, else the first that is installed. */
function executablePath(): string {
  const named = process.env.MINIONS_FIREFOX;
  if (named) return named;
  const folders = (process.env.PATH ?? "").split(delimiter);
  const found = [...folders.flatMap((folder) => PROGRAMS.map((program) => join(folder, program))), ...PLACES].find(existsSync);
  if (!found) throw new Error("no Firefox found: install one, or name its program in MINIONS_FIREFOX");
  return found;
}

/** Starts it with a new profile on disk, which it deletes as it is closed. */
export function launchFirefox(): Promise<Browser> {
  return puppeteer.launch({
    browser: "firefox",
    executablePath: executablePath(),
    headless: true,
    // Debian's has none; without it the same is tested on every machine.
    extraPrefsFirefox: { "dom.webgpu.enabled": false },
  });
}

/** Reports everything that should not happen in a page or its workers; of their policies' violations, those of the page. */
export async function listenToFirefox(page: Page, complaints: Complaints): Promise<void> {
  page.on("console", (message) => {
    if (message.type() === "error") complaints.hear(`console.error: ${message.text()} (${message.location().url ?? ""})`);
  });
  // Besides what was thrown and not caught, these are the errors that Firefox itself writes to the console.
  page.on("pageerror", (error) => complaints.hear(`uncaught: ${error instanceof Error ? error.message : String(error)}`));
  page.on("error", (error) => complaints.hear(`the page crashed: ${error.message}`));
  await page.evaluateOnNewDocument(REPORT_VIOLATIONS);
}

/** For the beginning of a script: what its policy forbids becomes an error on the console. */
export const REPORT_VIOLATIONS = `addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI, sample }) => {
  console.error("policy violation:", violatedDirective, blockedURI, sample);
});`;
