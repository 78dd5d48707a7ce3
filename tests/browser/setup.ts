/** Starts the two servers of the tests: the static one, and the scripted model server. */
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { serve } from "./server.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));

export default async function setup(): Promise<() => Promise<void>> {
  for (const [path, command] of [
    ["pkg/index.js", "cargo xtask dist"],
    ["www/dist/index.html", "npm run build, in www/"],
  ] as const) {
    if (!existsSync(`${root}/${path}`)) throw new Error(`${path} is missing: build it with ${command}`);
  }
  const files = await serve();
  const { child, address } = await scriptedServer();
  process.env.MINIONS_TEST_ORIGIN = files.origin;
  process.env.MINIONS_TEST_SUPERVISOR = address;
  return async () => {
    child.kill();
    await files.close();
  };
}

/** `MINIONS_SCRIPTED_SERVER` may name the built program; otherwise cargo builds and runs it. */
async function scriptedServer(): Promise<{ child: ChildProcess; address: string }> {
  const built = process.env.MINIONS_SCRIPTED_SERVER;
  const [program, args] = built
    ? [built, ["--port", "0"]]
    : ["cargo", ["run", "-q", "-p", "minions-tests", "--bin", "scripted-server", "--", "--port", "0"]];
  const child = spawn(program, args, { cwd: root, stdio: ["ignore", "pipe", "inherit"] });
  const failed = new Promise<never>((_, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`the scripted server ended with code ${code}`)));
  });
  failed.catch(() => {});
  const address = (async () => {
    for await (const line of createInterface({ input: child.stdout! })) {
      const found = /http:\/\/\S+/.exec(line)?.[0];
      if (found) return found;
    }
    throw new Error("the scripted server printed no address");
  })();
  return { child, address: await Promise.race([address, failed]) };
}
