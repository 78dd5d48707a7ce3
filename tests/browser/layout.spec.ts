/** How the page is laid out: what a designer looks for in screenshots, but by geometry, which holds with every font. */
import type { Page, TestInfo } from "@playwright/test";
import { answer, expect, origin, test, type Step } from "./fixtures.js";
import { DemoPage } from "./pages.js";
import { makeRecords } from "./records.mjs";
import { secrets } from "./watch.js";

const WIDTHS = [360, 820, 1440];

const RECORDS = secrets.add(makeRecords(20, 7).document);
const PLAN: Step[] = [
  { type: "reply", content: "Each record is short." },
  { type: "reply", content: JSON.stringify({ chunking: { by: "page" }, tasks: [{ task: "What is the LDL cholesterol?" }] }) },
];
const CONCLUSION = JSON.stringify({ decision: "provide_final_answer", answer: "Several: see the records.", evidence: [1, 2] });

test("is laid out as it was, with nothing cut off, too small or out of line", async ({ page, supervisor }, info) => {
  let letGo = () => {};
  const held = new Promise<void>((resolve) => (letGo = resolve));
  await page.route("**/demo-worker.gguf", async (route) => {
    await held;
    await route.continue();
  });
  await page.goto(origin());
  const demo = new DemoPage(page);

  await test.step("the worker loads, and nothing is filled in", async () => {
    await expect(page.getByTestId("stop-loading")).toBeVisible();
    await page.getByTestId("document-clear").click();
    await page.getByTestId("task").fill("");
    await look(page, info, "empty");
  });

  await test.step("the worker is there, and a sample", async () => {
    letGo();
    await demo.isWorker("ready");
    await demo.takeSample("Law: a lease and its amendment");
    await expect(page.getByTestId("document-tab")).toHaveCount(2);
    await look(page, info, "sample");
  });

  await test.step("all that can be opened is", async () => {
    await demo.useServer(supervisor);
    await page.getByTestId("protocol").selectOption("minions");
    await page.getByTestId("privacy").check();
    await toggle(page, true);
    await expect(page.getByTestId("forecast").first()).toBeVisible();
    await look(page, info, "open");
    await toggle(page, false);
    await page.getByTestId("privacy").uncheck();
  });

  await test.step("jobs are done, and the supervisor thinks", async () => {
    await page.getByTestId("document-clear").click();
    await page.getByTestId("document").fill(RECORDS);
    await page.getByTestId("task").fill("Who has a high LDL cholesterol?");
    await supervisor.script([...PLAN, { ...answer(""), delay_ms: 120_000 }]);
    await demo.run.click();
    await expect(page.getByTestId("ledger-entry")).toHaveCount(3, { timeout: 120_000 });
    await look(page, info, "running");
    await demo.stop.click();
    await demo.isRun("stopped");
  });

  await test.step("the answer, with what it rests on and took", async () => {
    await supervisor.reset();
    await supervisor.script([{ type: "reply", content: CONCLUSION }]);
    await page.getByTestId("go-on").click();
    await demo.isRun("answered");
    await page.getByTestId("job").first().click();
    await toggle(page, true, "run-panel details, ledger-panel li:last-child details");
    await page.getByTestId("evidence-piece").first().getByTestId("cite").first().click();
    await expect(page.getByTestId("marked")).toBeVisible();
    await look(page, info, "answered");
  });
});

/** Looks at a state at every width, by light and in the dark; screenshots of it are left for whoever wants to see. */
async function look(page: Page, info: TestInfo, state: string): Promise<void> {
  const shot = (width: number, scheme: string) =>
    page.screenshot({ path: info.outputPath(`${state}-${width}-${scheme}.png`), fullPage: true, animations: "disabled" });
  const drawings: string[] = [];
  let widest: unknown[] = [];
  for (const width of WIDTHS) {
    await show(page, width, "light");
    const light = await shot(width, "light");
    const boxes = await boxesOf(page);
    expect.soft(await page.evaluate(faults), `${state}, ${width} px`).toEqual([]);
    drawings.push(`${width} px\n\n${draw(boxes, width)}\n`);
    widest = places(boxes);
    await show(page, width, "dark");
    expect.soft((await shot(width, "dark")).equals(light), `${state}, ${width} px: the dark looks as the light`).toBe(false);
    expect.soft(places(await boxesOf(page)), `${state}, ${width} px: the dark is laid out as the light`).toEqual(widest);
  }
  expect.soft(drawings.join("\n"), state).toMatchSnapshot(`${state}.txt`);
  // Not by pixels: where a panel's edge falls between two, the same browser paints it now so, now by a shade otherwise.
  await show(page, WIDTHS[0]!, "light");
  await show(page, WIDTHS.at(-1)!, "light");
  expect.soft(places(await boxesOf(page)), `${state}: laid out as before, when it was narrow meanwhile`).toEqual(widest);
}

async function show(page: Page, width: number, colorScheme: "light" | "dark"): Promise<void> {
  await page.setViewportSize({ width, height: 900 });
  await page.emulateMedia({ colorScheme });
  await page.evaluate(() => scrollTo(0, 0));
}

async function boxesOf(page: Page): Promise<Box[]> {
  return (await page.locator("body").ariaSnapshotJSON({ boxes: true })) as Box[];
}

async function toggle(page: Page, isOpen: boolean, which = "details"): Promise<void> {
  await page.locator(which).evaluateAll((all, isOpen) => {
    for (const each of all as HTMLDetailsElement[]) each.open = isOpen;
  }, isOpen);
}

/** In the page: what is wrong wherever it is seen. */
function faults(): string[] {
  const found: string[] = [];
  const name = (of: Element) => `${of.localName}.${of.className} “${(of.textContent ?? "").trim().slice(0, 40)}”`;
  const all = [...document.body.querySelectorAll<HTMLElement>("*")].filter((element) => element.checkVisibility());
  const root = document.documentElement;
  if (root.scrollWidth > root.clientWidth) found.push(`${root.scrollWidth - root.clientWidth} px too wide`);

  // Panels stand on a grid: each column has one left and one right edge, and there is the same gap everywhere.
  const rem = parseFloat(getComputedStyle(root).fontSize);
  const gap = parseFloat(getComputedStyle(root).getPropertyValue("--gap")) * rem;
  const near = (a: number, b: number) => Math.abs(a - b) < 0.6;
  const main = document.querySelector("main")!.getBoundingClientRect();
  let left = main.left;
  for (const column of document.querySelectorAll(".column")) {
    const panels = [...column.querySelectorAll(".panel")].map((panel) => ({ panel, box: panel.getBoundingClientRect() }));
    const { right } = panels[0]!.box;
    panels.forEach(({ panel, box }, index) => {
      const above = panels[index - 1];
      if (!near(box.left, left) || !near(box.right, right)) found.push(`out of line: ${name(panel)}`);
      if (above && !near(box.top - above.box.bottom, gap)) found.push(`${box.top - above.box.bottom} px above ${name(panel)}`);
    });
    left = near(right, main.right) ? main.left : right + gap;
  }
  if (left !== main.left) found.push(`the columns end at ${left - gap} px, the page at ${main.right} px`);
  const paddings = new Set([...document.querySelectorAll(".panel")].map((panel) => getComputedStyle(panel).padding));
  if (paddings.size > 1) found.push(`paddings: ${[...paddings].join("; ")}`);

  // One family for all words.
  const { fontFamily } = getComputedStyle(document.body);
  for (const element of all) {
    // Quotes to the letter have one of their own, and so has what shows no words.
    if (element.closest("pre") || element.matches("[type=radio], [type=checkbox], [type=file], progress, option")) continue;
    const own = getComputedStyle(element).fontFamily;
    if (own !== fontFamily) found.push(`in ${own}: ${name(element)}`);
  }

  for (const element of all.filter((each) => !each.closest(".hidden-text, .skip"))) {
    const style = getComputedStyle(element);
    const scrolls = element.matches("input, progress") || style.textOverflow === "ellipsis";
    const isWide = style.overflowX !== "visible" && element.scrollWidth > element.clientWidth + 1;
    const isHigh = style.overflowY === "hidden" && element.scrollHeight > element.clientHeight + 1;
    if (!scrolls && (isWide || isHigh)) found.push(`cut off ${isWide ? "at the side" : "below"}: ${name(element)}`);
    // Words stay inside of what has a frame around them.
    const frame = element.closest(".panel, .turn, .answer, .notice, button, .button")?.getBoundingClientRect();
    const words = [...element.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE && node.textContent?.trim());
    for (const node of words) {
      if (!frame || element.closest("select")) break;
      const range = document.createRange();
      range.selectNodeContents(node);
      const { left, right } = range.getBoundingClientRect();
      if (left < frame.left - 1 || right > frame.right + 1) found.push(`over the edge: ${name(element)}`);
    }
    // A target is at least 24 px wide and high (WCAG 2.2, 2.5.8), but for one in a sentence; a label is part of its control's.
    if (!element.matches("a, button, input, select, textarea, summary")) continue;
    const inSentence = style.display === "inline" || (element.matches(".link") && element.closest("p") !== null);
    const target = element.matches("input") ? (element.closest("label") ?? element) : element;
    const { left, right, width, height } = target.getBoundingClientRect();
    if (!inSentence && (width < 24 || height < 24)) found.push(`${width} x ${height} px: ${name(element)}`);
    if (left < 0 || right > root.clientWidth) found.push(`out of sight: ${name(element)}`);
  }
  return found;
}

/** What Playwright says of a part of the accessibility tree. */
interface Box {
  role: string;
  name?: string;
  text?: string;
  box?: { x: number; y: number; width: number; height: number };
  children?: (Box | string)[];
}

/** What holds parts that are arranged; words within a paragraph or a button are not. */
const HOLDERS = ["banner", "main", "contentinfo", "region", "group", "list", "listitem", "form"];

/** Of these the width is the page's to give. */
const LANDMARKS = ["banner", "main", "contentinfo", "region"];

/** Parts of a text: where they stand is the font's doing. */
const IN_TEXT = ["strong", "emphasis", "mark", "code", "link"];

/** Where everything is, to the pixel. */
const places = (all: (Box | string)[]): unknown[] =>
  all.flatMap((each) => (typeof each === "string" ? [] : [[each.role, each.box], ...places(each.children ?? [])]));

/** What is above and beside what, in words; landmarks with the twelfths of the page's width that they take. */
function draw(all: (Box | string)[], width: number): string {
  const seen = all.filter((each): each is Box => typeof each !== "string" && !IN_TEXT.includes(each.role));
  // What is only to be read out takes no room; the input of a file has none of its own either, but its label does.
  const drawn = seen.filter(({ role, box }) => box && (box.width > 1 || role === "button"));
  return drawn.length ? cut(drawn.map(only), width).join("\n") : "";
}

/** An item of a list that has one part is that part. */
const only = (each: Box): Box => {
  const [first, ...others] = each.children ?? [];
  return each.role === "listitem" && typeof first === "object" && !others.length ? first : each;
};

/** Recursive X-Y cut (Nagy and Seth, 1984): into columns that stand beside each other, else into what is above and below. */
function cut(all: Box[], width: number): string[] {
  if (all.length === 1) return [drawOne(all[0]!, width)];
  // Buttons flow like words: where their lines break is the font's doing.
  if (all.every(isButton)) return [merged(all.map(label)).join(", ")];
  const columns = split(all, ({ box }) => [box!.x, box!.x + box!.width]);
  if (columns.length > 1) {
    const drawn = columns.map((column) => cut(column, width).join("\n"));
    if (!drawn.some((each) => each.includes("\n"))) return [merged(drawn).join(" | ")];
    return drawn.map((each, index) => `column ${index + 1} of ${drawn.length}\n${indented(each)}`);
  }
  const rows = split(all, ({ box }) => [box!.y, box!.y + box!.height]).reduce<Box[][]>((joined, row) => {
    const above = joined.at(-1);
    return above?.every(isButton) && row.every(isButton) ? [...joined.slice(0, -1), [...above, ...row]] : [...joined, row];
  }, []);
  if (rows.length === 1) return [`on top of each other: ${all.map(label).join(", ")}`];
  return merged(rows.flatMap((row) => cut(all.filter((each) => row.includes(each)), width)));
}

const isButton = ({ role }: Box): boolean => role === "button";

/** Groups what overlaps on an axis, in the order on it. */
function split(all: Box[], extent: (box: Box) => [from: number, to: number]): Box[][] {
  const groups: Box[][] = [];
  let end = -Infinity;
  for (const each of all.toSorted((a, b) => extent(a)[0] - extent(b)[0])) {
    const [from, to] = extent(each);
    // Boxes are rounded to whole pixels.
    if (from >= end - 1) groups.push([each]);
    else groups.at(-1)!.push(each);
    end = Math.max(end, to);
  }
  return groups;
}

function drawOne(each: Box, width: number): string {
  const twelfth = (x: number) => Math.round((12 * x) / width);
  const { x, width: wide } = each.box!;
  const span = LANDMARKS.includes(each.role) ? ` [${twelfth(x)}-${twelfth(x + wide)}]` : "";
  const inside = HOLDERS.includes(each.role) && each.children ? draw(each.children, width) : "";
  return `${label(each)}${span}${inside && `\n${indented(inside)}`}`;
}

const indented = (lines: string): string => lines.replace(/^/gm, "  ");

/** A role with a name; of names that tell numbers only the words before. */
function label({ role, name, text, children }: Box): string {
  const words = name ?? (role === "group" ? (text ?? children?.find((each) => typeof each === "string")) : undefined);
  const beginning = words?.match(/\p{L}[^\d:,.(]*/u)?.[0].trim();
  return beginning ? `${role} “${beginning}”` : role;
}

/** Without what repeats the one before. */
const merged = (parts: string[]): string[] => parts.filter((each, index) => each !== parts[index - 1]);
