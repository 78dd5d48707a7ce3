// A server for a test, on this machine alone.
import { createServer } from "node:http";

/** Serves on 127.0.0.1 until the test is over and gives the address. */
export async function listen(t, handler) {
  const server = createServer(handler);
  t.after(() => (server.closeAllConnections(), server.close()));
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${server.address().port}`;
}
