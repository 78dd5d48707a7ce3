// Hands the built package to the tests: its public entry, and the way to its worker's own methods.
import * as minions from "/pkg/index.js";
import { Client } from "/pkg/rpc.js";

globalThis.minions = minions;
globalThis.connect = (script = "/pkg/worker.js") => {
  const worker = new Worker(script, { type: "module" });
  return { worker, client: new Client(worker, (reason) => new Error(reason)) };
};
