/**
 * Keeps the page's own files, so that it opens without a network.
 *
 * Only what the build lists is kept. All else goes by as if this were not here: models, which the package keeps, and whatever
 * other servers are asked. A new build is fetched whole, each file checked against its digest, beside the one that is open; the
 * next load of the page gets it.
 */
const worker = globalThis as unknown as ServiceWorkerGlobalScope;
/** Written by the build: the name of this version, and its files with their SHA-256. `./` is the page itself. */
declare const VERSION: string;
declare const FILES: Record<string, string>;

const PREFIX = "minions-page ";
const NAME = PREFIX + VERSION;
const scope = worker.registration.scope;
const addresses = new Set(Object.keys(FILES).map((file) => new URL(file, scope).href));
/** Here a file's name says what is in it. */
const assets = `${scope}assets/`;

worker.addEventListener("install", (event) => {
  event.waitUntil(install());
});

worker.addEventListener("activate", (event) => {
  event.waitUntil(tidy());
});

worker.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  const isPage = request.mode === "navigate" && [scope, `${scope}index.html`].includes(origin + pathname);
  const address = isPage ? scope : request.url;
  const isOurs = addresses.has(address) || address.startsWith(assets);
  if (request.method === "GET" && isOurs) event.respondWith(answer(address, request));
});

async function install(): Promise<void> {
  const cache = await caches.open(NAME);
  try {
    await Promise.all(Object.entries(FILES).map(([file, digest]) => keep(cache, new URL(file, scope).href, digest)));
  } catch (error) {
    await caches.delete(NAME);
    throw error;
  }
  await worker.skipWaiting();
}

/** Fetches a file; one of another build, which a host may have while it changes, is refused. */
async function keep(cache: Cache, address: string, digest: string): Promise<void> {
  const response = await fetch(address, { cache: "no-cache" });
  const bytes = await response.clone().arrayBuffer();
  const found = [...new Uint8Array(await crypto.subtle.digest("SHA-256", bytes))];
  if (!response.ok || found.map((byte) => byte.toString(16).padStart(2, "0")).join("") !== digest) {
    throw new Error(`${address} is not the file of this build`);
  }
  await cache.put(address, response);
}

/** Deletes old versions, save the last: a tab may still have it open, and start its worker once more. */
async function tidy(): Promise<void> {
  const old = (await caches.keys()).filter((name) => name.startsWith(PREFIX) && name !== NAME);
  await Promise.all(old.slice(0, -1).map((name) => caches.delete(name)));
}

/** From this version, or what only the one before has from there; should the browser have lost it, from the host. */
async function answer(address: string, request: Request): Promise<Response> {
  const kept = await caches.match(address, { cacheName: NAME });
  const before = !kept && address.startsWith(assets) ? await caches.match(address) : undefined;
  return kept ?? before ?? fetch(request);
}
