/** Whether everyone can use the page as it stands: what axe finds against WCAG 2.2 AA, and what stands out at the side. */
import { AxeBuilder } from "@axe-core/playwright";
import { expect, type Page } from "@playwright/test";

const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];

/** What is narrow or wide does not depend on colours, nor they on that: two looks see all four. */
const LOOKS = [
  { width: 360, colorScheme: "dark" },
  { width: 1440, colorScheme: "light" },
] as const;

/** Looks on a phone in the dark and on a desk by light; then the window is as before. */
export async function expectAccessible(page: Page): Promise<void> {
  const before = page.viewportSize()!;
  const found: string[] = [];
  for (const { width, colorScheme } of LOOKS) {
    await page.setViewportSize({ width, height: 900 });
    await page.emulateMedia({ colorScheme });
    const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    if (over > 0) found.push(`${width} px: ${over} px too wide`);
    // The page has no frames: legacy mode opens no second page to put their findings together.
    const { violations } = await new AxeBuilder({ page }).withTags(TAGS).setLegacyMode().analyze();
    for (const { id, nodes } of violations) {
      for (const { html, failureSummary } of nodes) found.push(`${width} px, ${colorScheme}, ${id}: ${html} ${failureSummary}`);
    }
  }
  await page.emulateMedia({ colorScheme: null });
  await page.setViewportSize(before);
  expect(found, "what not everyone can use").toEqual([]);
}
