/** A file server that does whatever servers do wrong, as a test says, and writes down what it was asked. */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";

/** What may be wrong with an answer. */
export interface Fault {
  /** An error, with these headers. */
  status?: number;
  headers?: Record<string, string>;
  /** The connection breaks before the answer. */
  reset?: boolean;
  /** It breaks after so many bytes. */
  truncate?: number;
  /** Nothing comes after so many bytes. */
  stall?: number;
  /** Ranges are ignored. */
  whole?: boolean;
  /** The length is not told. */
  chunked?: boolean;
  /** Compressed in transit. */
  gzip?: boolean;
  /** A web page instead of the file. */
  html?: boolean;
  redirect?: string;
  etag?: string | null;
  /** Other bytes than the file's. */
  bytes?: Buffer;
  contentRange?: string;
  /** The page may not read `Content-Range` and `ETag`. */
  hidden?: boolean;
}

/** What a fault may depend on. */
export interface Ask {
  /** How often the file was asked for before. */
  index: number;
  /** Where the part begins that is asked for. */
  start: number | undefined;
  authorization: string | undefined;
}

/** What comes of a request; not before a promise is kept. */
type Fate = Fault | undefined | Promise<Fault | undefined>;

interface File {
  bytes: Buffer;
  fault: (ask: Ask) => Fate;
  asked: number;
}

/** A request as it came. */
export interface Asked {
  method: string;
  path: string;
  /** `start-end`, the end not included; empty for the whole. */
  range: string;
  headers: IncomingMessage["headers"];
  /** Bytes of the body that went out. */
  sent: number;
}

/** So much goes out at a time. */
const WRITE_BYTES = 64 * 1024;

export class FaultyServer {
  readonly origin: string;
  asked: Asked[] = [];
  readonly #server: Server;
  readonly #files = new Map<string, File>();
  /** How many bytes may still go out, and who is told when they have. */
  #allowance = Infinity;
  #onHeld = () => {};
  #released: Promise<void> = Promise.resolve();
  #release = () => {};

  private constructor(server: Server) {
    this.#server = server;
    this.origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on("request", (request, response) => {
      this.#answer(request, response).catch(() => response.destroy());
    });
  }

  static async start(): Promise<FaultyServer> {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    return new FaultyServer(server);
  }

  async close(): Promise<void> {
    this.release();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Puts a file at a path; returns its address. */
  put(path: string, bytes: Buffer, fault: Fault | ((ask: Ask) => Fate) = {}): string {
    this.#files.set(path, { bytes, fault: typeof fault === "function" ? fault : () => fault, asked: 0 });
    return this.origin + path;
  }

  /** How long the file at a path is. */
  size(path: string): number {
    return this.#files.get(path)!.bytes.length;
  }

  /** Sends so many bytes more, of all answers together, and then none until `release`. Resolves when they are out. */
  holdAfter(bytes: number): Promise<void> {
    this.#allowance = bytes;
    this.#released = new Promise((resolve) => (this.#release = resolve));
    return new Promise((resolve) => (this.#onHeld = resolve));
  }

  release(): void {
    this.#allowance = Infinity;
    this.#release();
  }

  /** What was asked for at a path. */
  ranges(path: string): string[] {
    return this.asked.filter((asked) => asked.path === path && asked.method === "GET").map(({ range }) => range);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname: path } = new URL(request.url ?? "/", this.origin);
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "") ?? [];
    const asked: Asked = {
      method: request.method ?? "",
      path,
      range: from === undefined ? "" : `${from}-${Number(to) + 1}`,
      headers: request.headers,
      sent: 0,
    };
    this.asked.push(asked);
    response.setHeader("access-control-allow-origin", "*");
    if (request.method === "OPTIONS") {
      // Like the content networks of hubs: no If-Range.
      response.writeHead(204, { "access-control-allow-headers": "authorization" }).end();
      return;
    }
    const file = this.#files.get(path);
    if (!file) {
      response.writeHead(404).end("not found");
      return;
    }
    const start = from === undefined ? undefined : Number(from);
    const fault = (await file.fault({ index: file.asked++, start, authorization: request.headers.authorization })) ?? {};
    if (!fault.hidden) response.setHeader("access-control-expose-headers", "content-range, etag, retry-after");
    if (fault.reset) {
      request.socket.destroy();
      return;
    }
    if (fault.redirect) {
      response.writeHead(302, { location: fault.redirect }).end();
      return;
    }
    if (fault.status) {
      response.writeHead(fault.status, fault.headers).end("no");
      return;
    }
    const whole = fault.bytes ?? file.bytes;
    const etag = fault.etag === undefined ? `"${createHash("md5").update(whole).digest("hex")}"` : fault.etag;
    if (etag !== null) response.setHeader("etag", etag);
    let body = whole;
    if (fault.html) {
      body = Buffer.from("<!doctype html><title>Welcome</title>");
      response.setHeader("content-type", "text/html; charset=utf-8");
    } else if (fault.gzip) {
      body = gzipSync(whole, { level: 1 });
      response.setHeader("content-encoding", "gzip");
    } else if (start !== undefined && !fault.whole) {
      if (start >= whole.length) {
        response.writeHead(416, { "content-range": `bytes */${whole.length}` }).end();
        return;
      }
      body = whole.subarray(start, Number(to) + 1);
      response.statusCode = 206;
      response.setHeader("content-range", fault.contentRange ?? `bytes ${start}-${start + body.length - 1}/${whole.length}`);
    }
    if (!fault.chunked) response.setHeader("content-length", fault.headers?.["content-length"] ?? body.length);
    await this.#send(response, body, fault, asked);
  }

  async #send(response: ServerResponse, body: Buffer, { truncate = Infinity, stall = Infinity }: Fault, asked: Asked): Promise<void> {
    response.flushHeaders();
    const end = Math.min(body.length, truncate, stall);
    while (asked.sent < end && !response.destroyed) {
      if (this.#allowance <= 0) await this.#released;
      const bytes = body.subarray(asked.sent, Math.min(end, asked.sent + Math.min(WRITE_BYTES, this.#allowance)));
      this.#allowance -= bytes.length;
      await new Promise((resolve) => response.write(bytes, resolve));
      asked.sent += bytes.length;
      if (this.#allowance <= 0) this.#onHeld();
    }
    if (stall < body.length) return;
    if (truncate < body.length) response.destroy();
    else response.end();
  }
}
