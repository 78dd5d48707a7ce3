// Serves the page, and its worker's requests by whichever server of the cluster has the fewest at hand.
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize, sep } from "node:path";

const { CLUSTER = "http://127.0.0.1:11434/v1", MODEL = "llama3.2", PORT = "8080" } = process.env;
const ROOT = import.meta.dirname;
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".wasm": "application/wasm" };

const servers = CLUSTER.split(",").map((url) => ({ url, jobs: 0 }));

/** Continues a conversation: what a page's `chat` is to give. */
async function chat(request, signal) {
  const server = servers.reduce((least, other) => (other.jobs < least.jobs ? other : least));
  server.jobs++;
  try {
    const response = await fetch(`${server.url}/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ ...request, model: MODEL }),
      signal,
    });
    if (!response.ok) throw new Error(`${server.url} answered ${response.status}`);
    const { choices, usage } = await response.json();
    const [{ message, finish_reason }] = choices;
    return { content: message.content, finish_reason, usage };
  } finally {
    server.jobs--;
  }
}

const service = createServer(async (request, response) => {
  const { pathname } = new URL(request.url, "http://localhost");
  if (request.method === "POST" && pathname === "/chat") {
    const gone = new AbortController();
    response.on("close", () => gone.abort());
    try {
      const reply = await chat(JSON.parse(await text(request)), gone.signal);
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(reply));
    } catch (error) {
      response.writeHead(502).end(error.message);
    }
    return;
  }
  const file = normalize(join(ROOT, pathname === "/" ? "index.html" : pathname));
  const found = file.startsWith(ROOT + sep) && (await stat(file).catch(() => undefined))?.isFile();
  if (!found) return response.writeHead(404).end();
  response.writeHead(200, { "content-type": TYPES[extname(file)] ?? "text/plain" });
  createReadStream(file).pipe(response);
});

async function text(request) {
  let text = "";
  for await (const piece of request) text += piece;
  return text;
}

service.listen(Number(PORT), "127.0.0.1", () => console.log(`http://127.0.0.1:${service.address().port}`));
