/** What the page reads. */
import { truncateSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { expect, origin, test } from "./fixtures.js";
import { makePdf, type PdfPage } from "./pdf.js";
import { makeRecords } from "./records.mjs";
import { secrets } from "./watch.js";

/** The most that the page's own scripts may take, compressed. */
const SCRIPTS_BYTES = 150_000;

const text: PdfPage = { lines: [[72, "Lease agreement"], [100, "The rent is $1,840.00 (net) and is due on the"], [114, "first day of the month."]] };
const second: PdfPage = { lines: [[72, "The notice period is 60 days."]] };
const picture: PdfPage = { lines: [] };

test("reads the text of a PDF, and says which it cannot read and why", async ({ page, requests }) => {
  await page.goto(origin());
  const shown = page.getByTestId("document");
  const problem = page.getByTestId("document-problem");
  const remark = page.getByTestId("document-remark");
  const open = (name: string, buffer: Buffer) => page.getByTestId("document-file").setInputFiles({ name, mimeType: "application/pdf", buffer });
  const LEASE = secrets.add("Lease agreement\n\nThe rent is $1,840.00 (net) and is due on the\nfirst day of the month.\n\n\fThe notice period is 60 days.");

  await test.step("nothing that reads PDFs is fetched before there is one", async () => {
    await expect(shown).toHaveValue(/Alder Creek/);
    expect(requests.filter((request) => request.url().includes("pdf"))).toEqual([]);
    const scripts = requests.filter((request) => request.url().endsWith(".js"));
    expect(scripts.length).toBeGreaterThan(0);
    const sizes = await Promise.all(scripts.map(async (request) => gzipSync(await (await fetch(request.url())).text()).length));
    expect(sizes.reduce((sum, size) => sum + size)).toBeLessThanOrEqual(SCRIPTS_BYTES);
  });
  await test.step("page by page, with its paragraphs", async () => {
    await open("lease.pdf", makePdf([text, second]));
    await expect(shown).toHaveValue(LEASE);
    await expect(page.getByTestId("document-size")).toContainText("lease.pdf");
    await expect(remark).toHaveCount(0);
  });
  await test.step("whatever it is called", async () => {
    await page.getByTestId("document-clear").click();
    await open("lease.txt", makePdf([text, second]));
    await expect(shown).toHaveValue(LEASE);
  });
  await test.step("the rest stays as it was", async () => {
    await shown.fill("Typed by hand.");
    for (const [name, buffer, why] of [
      ["scan.pdf", makePdf([picture, picture]), "scan.pdf has pictures of pages but no text: it was scanned."],
      ["locked.pdf", makePdf([text], { locked: true }), "locked.pdf is locked with a password"],
      ["cut.pdf", makePdf([text, second]).subarray(0, 700), "cut.pdf is damaged"],
      ["odd.pdf", Buffer.from("%PDF-1.7\nno objects at all\n%%EOF\n"), "odd.pdf is damaged"],
    ] as const) {
      await open(name, buffer);
      await expect(problem).toContainText(why);
      await expect(problem.getByRole("paragraph")).toHaveCount(1);
      await expect(shown).toHaveValue("Typed by hand.");
    }
  });
  await test.step("a PDF that was scanned in part is read, and it says so", async () => {
    await open("part.pdf", makePdf([second, picture, picture]));
    await expect(shown).toHaveValue("The notice period is 60 days.\n\n\f\n\n\f");
    await expect(remark).toHaveText("Most of part.pdf was scanned: 2 of its 3 pages have no text, and what pictures show is not read.");
    await page.getByTestId("document-tab").first().click();
    await expect(shown).toHaveValue("Typed by hand.");
    await expect(remark).toHaveCount(0);
  });
  const outside = requests.map((request) => new URL(request.url()).origin).filter((from) => from !== origin());
  expect(outside).toEqual([]);
});

test("reads a PDF as programs print it, over many pages", async ({ page, context }) => {
  const printer = await context.newPage();
  const { document } = makeRecords(60, 3);
  secrets.add(document);
  await printer.setContent("<body>");
  await printer.locator("body").evaluate((body, text) => {
    for (const record of text.split("\n\n")) body.append(Object.assign(globalThis.document.createElement("p"), { innerText: record }));
  }, document);
  const pdf = await printer.pdf();
  await printer.close();
  await page.goto(origin());
  await page.getByTestId("document-file").setInputFiles({ name: "records.pdf", mimeType: "application/pdf", buffer: pdf });
  const shown = page.getByTestId("document");
  await expect(shown).toHaveValue(/\f/);
  const words = (text: string) => text.split(/\s+/).filter(Boolean);
  expect(words(await shown.inputValue())).toEqual(words(document));
  expect((await shown.inputValue()).split(/\n\s*\n/).length, "paragraphs stay apart").toBeGreaterThanOrEqual(document.split("\n\n").length);
});

test("stops reading a PDF, and says when what reads it cannot be fetched", async ({ page, context, complaints }) => {
  complaints.allow(/Failed to load resource|net::ERR_/);
  await page.goto(origin());
  const problem = page.getByTestId("document-problem");
  const open = () => page.getByTestId("document-file").setInputFiles({ name: "lease.pdf", mimeType: "application/pdf", buffer: makePdf([text]) });
  let answer = () => {};
  await context.route("**/pdf.worker*", async (route) => {
    await new Promise<void>((resolve) => (answer = resolve));
    await route.abort().catch(() => {});
  });
  await open();
  await page.getByTestId("stop-reading").click();
  await expect(problem).toHaveText("lease.pdf was not read: you stopped it.");
  await expect(page.getByTestId("document-reading")).toHaveCount(0);
  answer();

  await context.unroute("**/pdf.worker*");
  await context.route("**/pdf.worker*", (route) => route.abort());
  await open();
  await expect(problem).toHaveText("lease.pdf is a PDF, and what reads those could not be fetched: try again.");
  await expect(page.getByTestId("document")).toHaveValue(/Alder Creek/);
});

test("reads text in any file, and refuses what is too large before reading it", async ({ page }, info) => {
  await page.goto(origin());
  const file = page.getByTestId("document-file");
  const shown = page.getByTestId("document");
  for (const [name, mimeType, content] of [
    ["table.csv", "text/csv", "name;sum\nOrrin;1,840.00\n"],
    ["notes.md", "", "# Notes\n\n- The rent is **due**.\n"],
    ["main.rs", "", 'fn main() {\n    println!("<b>{}</b>", 1 << 2);\n}\n'],
    ["without-a-name", "application/octet-stream", "Plain text all the same.\n"],
  ] as const) {
    await file.setInputFiles({ name, mimeType, buffer: Buffer.from(content) });
    await expect(shown).toHaveValue(content);
  }
  await expect(page.getByTestId("document-tab")).toHaveCount(4);
  for (const [name, beginning, why] of [
    ["huge.txt", "All work and no play.", "huge.txt is larger than this page reads (5 MB)."],
    ["huge.pdf", "%PDF-1.7", "huge.pdf is larger than this page reads (100 MB)."],
  ] as const) {
    // The file is as large as it says, but takes no room on the disk.
    const path = info.outputPath(name);
    writeFileSync(path, beginning);
    truncateSync(path, 200e6);
    await file.setInputFiles(path);
    await expect(page.getByTestId("document-problem")).toHaveText(why);
  }
  await expect(page.getByTestId("document-tab")).toHaveCount(4);
});
