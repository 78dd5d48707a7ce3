// Holds all stored files open, as another program of this site would that knows of no locks.
const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle("minions-web");
for await (const file of folder.values()) await file.createSyncAccessHandle();
postMessage("held");
