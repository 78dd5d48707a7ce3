// Holds all stored files open, as another program of this site would that knows of no locks.
const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle("minions-web");
for await (const file of folder.values()) {
  // A page that was closed lets go of its files a moment later.
  while (!(await file.createSyncAccessHandle().catch(() => undefined))) await new Promise((resolve) => setTimeout(resolve, 100));
}
postMessage("held");
