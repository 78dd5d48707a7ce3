/** How a worker of our own is started, on pages that require Trusted Types too. */
import { MinionsError } from "./errors.js";

/** Trusted Types as far as they are used here: TypeScript's DOM does not know them yet. */
interface TrustedTypes {
  createPolicy(name: string, rules: { createScriptURL(url: string): string }): Policy;
}

interface Policy {
  /** A `TrustedScriptURL`, which stands where a text would. */
  createScriptURL(url: string): string;
}

/** A page lets a policy of one name be made once. It never leaves this file, so it vouches for our own script alone. */
let policy: Policy | undefined;

/**
 * A worker that runs this package's script.
 *
 * @throws {MinionsError} `invalid_request` where the page requires Trusted Types and does not allow our policy
 */
export function startWorker(): Worker {
  policy ??= newPolicy();
  try {
    return policy ? vouched(policy, start) : start();
  } catch (cause) {
    if (policy || !(cause instanceof TypeError)) throw cause;
    const message = "this page requires Trusted Types: its Content-Security-Policy must allow the policy minions-web in trusted-types";
    throw new MinionsError("invalid_request", message, { cause });
  }
}

/** Bundlers find a worker by these words and no others: nothing can be put around the address. */
const start = () => new Worker(new URL("./worker.js", import.meta.url), { type: "module", name: "minions-web" });

/** Does `work`, in which the address of a worker goes through the policy. */
function vouched<T>(policy: Policy, work: () => T): T {
  const Plain = globalThis.Worker;
  globalThis.Worker = class extends Plain {
    constructor(url: string | URL, options?: WorkerOptions) {
      super(policy.createScriptURL(String(url)), options);
    }
  };
  try {
    return work();
  } finally {
    globalThis.Worker = Plain;
  }
}

/** Nothing where the browser knows no Trusted Types, or the page allows no policy of this name; then it may still not need one. */
function newPolicy(): Policy | undefined {
  const { trustedTypes } = globalThis as { trustedTypes?: TrustedTypes };
  try {
    return trustedTypes?.createPolicy("minions-web", { createScriptURL: (url) => url });
  } catch {
    return undefined;
  }
}
