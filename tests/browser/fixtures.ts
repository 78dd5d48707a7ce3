/** What every test has: a page that may not complain, a watch over keys and documents, and the scripted model server. */
import { test as base, expect, type Page, type Request } from "@playwright/test";
import { Watch } from "./watch.js";

export { expect };

export const origin = (): string => process.env.MINIONS_TEST_ORIGIN!;

/** A step of the scripted server; `tests/src/server/mod.rs` describes them. */
export type Step = { delay_ms?: number; cors?: boolean; when?: { contains: string } } & (
  | { type: "reply"; content: string; finish_reason?: string; piece_chars?: number; piece_delay_ms?: number; usage?: boolean }
  | { type: "error"; status: number; message?: string; code?: string; retry_after?: number; echo_key?: boolean; after?: string }
  | { type: "disconnect"; content?: string; piece_chars?: number }
  | { type: "malformed" | "non_json" | "empty" }
);

/** A request as the scripted server got it. */
export interface Received {
  method: string;
  path: string;
  headers: Record<string, string>;
  body: { messages: { role: string; content: string }[] } & Record<string, unknown>;
  state: "open" | "done" | "cut" | "aborted";
}

/** The scripted OpenAI-compatible server, on an origin of its own. */
export class Supervisor {
  readonly origin = process.env.MINIONS_TEST_SUPERVISOR!;
  readonly baseURL = `${this.origin}/v1`;

  async reset(): Promise<void> {
    await this.admin("POST", "__reset");
  }

  async script(steps: Step[]): Promise<void> {
    await this.admin("POST", "__script", steps);
  }

  /** Everything received since the last reset, preflights included. */
  async received(): Promise<Received[]> {
    return (await this.admin("GET", "__requests")).json() as Promise<Received[]>;
  }

  async posts(): Promise<Received[]> {
    return (await this.received()).filter(({ method }) => method === "POST");
  }

  private async admin(method: string, path: string, body?: unknown): Promise<Response> {
    const response = await fetch(`${this.origin}/${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
    });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return response;
  }
}

/** What the browser complained about, and what a test says it may. */
export class Complaints {
  readonly #heard: string[] = [];
  readonly #allowed: RegExp[] = [];

  /** The browser itself writes failed requests to the console; a test that makes one says so. */
  allow(...patterns: RegExp[]): void {
    this.#allowed.push(...patterns);
  }

  hear(text: string): void {
    this.#heard.push(text);
  }

  get unexpected(): string[] {
    return this.#heard.filter((text) => !this.#allowed.some((pattern) => pattern.test(text)));
  }
}

/** Reports everything that should not happen in a page or its workers: errors, and violations of its security policy. */
export async function listen(page: Page, complaints: Complaints): Promise<void> {
  page.on("console", (message) => {
    if (message.type() === "error") complaints.hear(`console.error: ${message.text()} (${message.location().url})`);
  });
  page.on("pageerror", (error) => complaints.hear(`uncaught: ${error.message}`));
  page.on("crash", () => complaints.hear("the page crashed"));
  await page.exposeFunction("__violation", (text: string) => complaints.hear(`policy violation: ${text}`));
  await page.addInitScript(() => {
    addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI, sample }) => {
      const report = (globalThis as unknown as { __violation(text: string): void }).__violation;
      report(`${violatedDirective} ${blockedURI} ${sample}`);
    });
  });
}

interface Fixtures {
  complaints: Complaints;
  supervisor: Supervisor;
  requests: Request[];
  watch: Watch;
}

export const test = base.extend<Fixtures>({
  watch: [
    async ({ context }, use) => {
      const watch = await Watch.over(context);
      await use(watch);
      expect(await watch.findings(origin()), "keys and documents where none may be").toEqual([]);
    },
    { auto: true },
  ],
  complaints: [
    async ({ page }, use) => {
      const complaints = new Complaints();
      await listen(page, complaints);
      await use(complaints);
      expect(complaints.unexpected, "errors in the page").toEqual([]);
    },
    { auto: true },
  ],
  supervisor: async ({}, use) => {
    const supervisor = new Supervisor();
    await supervisor.reset();
    await use(supervisor);
    await supervisor.reset();
  },
  /** Every request of the page and its workers, in order. */
  requests: [
    async ({ page }, use) => {
      const requests: Request[] = [];
      page.on("request", (request) => requests.push(request));
      await use(requests);
    },
    { auto: true },
  ],
});

/** A supervisor's turn that asks the worker. */
export const ask = (message: string): Step => ({
  type: "reply",
  content: JSON.stringify({ reasoning: "One reading at a time.", decision: "request_additional_info", message }),
});

/** A supervisor's turn that answers. */
export const answer = (text: string): Step => ({
  type: "reply",
  content: JSON.stringify({ reasoning: "Both readings are there.", decision: "provide_final_answer", answer: text }),
});
