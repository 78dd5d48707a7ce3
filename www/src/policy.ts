/**
 * Where this page may connect: its own Content-Security-Policy, read back, so that an address that is not in it is refused in
 * words before anything is sent. The worker, which does the asking, obeys the policy only where the host sends it as a header.
 */
const policy = document.querySelector<HTMLMetaElement>("meta[http-equiv=Content-Security-Policy]")?.content ?? "";
const sources = /connect-src\s+([^;]+)/.exec(policy)?.[1]?.trim().split(/\s+/);

/** Whether the policy lists an address; without a list nothing is known to be forbidden. */
export function mayConnect(url: URL): boolean {
  return sources?.some((source) => covers(source, url)) ?? true;
}

/** As browsers compare: `https:`, or scheme, host and port, where `*.` stands for any names before and `:*` for any port. */
function covers(source: string, { origin, protocol, hostname, port }: URL): boolean {
  if (source === "'self'") return origin === location.origin;
  const [, scheme, , subdomain, host, ports] = /^(https?:)(\/\/(\*\.)?([^:/]+)(?::(\d+|\*))?)?$/.exec(source) ?? [];
  // What is allowed without encryption is allowed with it.
  if (scheme !== protocol && !(scheme === "http:" && protocol === "https:")) return false;
  if (host === undefined) return true;
  const isHost = subdomain ? hostname.endsWith(`.${host}`) : hostname === host;
  return isHost && (ports === "*" || port === (ports ?? ""));
}
