// A provider of chat completions, on this machine and by a script.
import { listen } from "./listen.mjs";

/**
 * A provider that gives these replies; to further requests the status `then`, or nothing: the request stays open.
 * `closed` settles when one is ended early.
 */
export async function provider(t, replies, { then } = {}) {
  const requests = [];
  let onClosed;
  const closed = new Promise((resolve) => (onClosed = resolve));
  const cors = { "access-control-allow-origin": "*", "access-control-allow-headers": "authorization, content-type" };
  const origin = await listen(t, async (request, response) => {
    if (request.method === "OPTIONS") return response.writeHead(204, cors).end();
    let body = "";
    for await (const piece of request) body += piece;
    const reply = replies[requests.length];
    requests.push({ url: request.url, headers: request.headers, body });
    if (!reply && then) return response.writeHead(then, cors).end();
    response.writeHead(200, { ...cors, "content-type": "text/event-stream" });
    if (!reply) return response.on("close", onClosed).write(": waiting\n\n");
    const send = (data) => response.write(`data: ${JSON.stringify(data)}\n\n`);
    send({ choices: [{ index: 0, delta: { role: "assistant", content: typeof reply === "string" ? reply : JSON.stringify(reply) }, finish_reason: null }] });
    send({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] });
    send({ choices: [], usage: { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 } });
    response.end("data: [DONE]\n\n");
  });
  return { address: `${origin}/v1`, requests, closed };
}
