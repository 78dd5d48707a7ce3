// Serves the built page, the package and the tests' own pages on 127.0.0.1, and nothing else.
//   node server.mjs [--port N]      prints the address and serves until killed
import { createReadStream } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize, sep } from "node:path";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
const root = join(here, "..", "..");

const page = join(root, "www", "dist");

/** Address prefixes and the folders behind them; the first that fits is taken. */
const FOLDERS = [
  ["/pkg/", join(root, "pkg")],
  ["/models/", join(root, "www", "public", "models")],
  ["/fixtures/", join(root, "tests", "fixtures")],
  ["/pages/", join(here, "pages")],
  ["/generated/", join(here, "results", "generated")],
  ["/", page],
];

const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".mjs": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".json": "application/json",
  ".map": "application/json",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".webmanifest": "application/manifest+json",
  ".md": "text/plain; charset=utf-8",
  ".txt": "text/plain; charset=utf-8",
  ".wasm": "application/wasm",
};

/**
 * Starts the server; resolves with its origin and a function that ends it. The page's files come with the headers that its
 * build asks for, unless it is to be like a host that knows no `_headers`; with `ranges`, parts of files are served as well.
 * `changed` has the texts of files by their addresses, in place of what is built.
 */
export async function serve(port = 0, { plain = false, ranges = false, changed = new Map() } = {}) {
  const headers = plain ? {} : headersOf(await readFile(join(page, "_headers"), "utf8").catch(() => ""));
  const server = createServer(async (request, response) => {
    const text = changed.get(request.url);
    if (text !== undefined) {
      response.writeHead(200, { "content-type": TYPES[extname(request.url)] ?? TYPES[".html"], ...headers }).end(text);
      return;
    }
    const file = fileOf(request.url ?? "/");
    const found = file && (await stat(file).catch(() => undefined));
    if (!found?.isFile() || !["GET", "HEAD"].includes(request.method ?? "")) {
      response.writeHead(404, { "content-type": "text/plain" }).end("not found\n");
      return;
    }
    const [, from, to] = (ranges && /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "")) || [];
    const [start, end] = [Number(from ?? 0), Math.min(Number(to || Infinity), found.size - 1)];
    response.writeHead(from === undefined ? 200 : 206, {
      "content-type": TYPES[extname(file)] ?? "application/octet-stream",
      "content-length": end - start + 1,
      ...(from === undefined ? {} : { "content-range": `bytes ${start}-${end}/${found.size}`, etag: `"${found.mtimeMs}"` }),
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
      ...(file.startsWith(page + sep) ? headers : {}),
    });
    if (request.method === "HEAD" || found.size === 0) response.end();
    else createReadStream(file, { start, end }).on("error", () => response.destroy()).pipe(response);
  });
  await new Promise((resolve, reject) => server.once("error", reject).listen(port, "127.0.0.1", resolve));
  const { port: taken } = server.address();
  return {
    origin: `http://127.0.0.1:${taken}`,
    close: () => new Promise((resolve) => (server.closeAllConnections(), server.close(resolve))),
  };
}

/** The lines of `_headers` after the pattern for all files. */
function headersOf(text) {
  const lines = text.split("\n").filter((line) => line.startsWith("  "));
  return Object.fromEntries(lines.map((line) => /^ +([^:]+): (.*)$/.exec(line).slice(1)));
}

function fileOf(url) {
  let path;
  try {
    path = decodeURIComponent(new URL(url, "http://127.0.0.1").pathname);
  } catch {
    return undefined;
  }
  const [prefix, folder] = FOLDERS.find(([prefix]) => path.startsWith(prefix));
  const rest = path.slice(prefix.length);
  const file = normalize(join(folder, rest === "" || rest.endsWith("/") ? `${rest}index.html` : rest));
  return file.startsWith(folder + sep) ? file : undefined;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const at = process.argv.indexOf("--port");
  const { origin } = await serve(at > 0 ? Number(process.argv[at + 1]) : 0);
  console.log(origin);
}
