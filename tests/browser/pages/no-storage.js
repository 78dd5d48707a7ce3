// A browser that gives no storage (?folder), or none that can be written to (?write).
if (location.search === "?folder") {
  navigator.storage.getDirectory = () => Promise.reject(new DOMException("denied", "SecurityError"));
} else {
  FileSystemFileHandle.prototype.createSyncAccessHandle = () => Promise.reject(new DOMException("denied", "InvalidStateError"));
}
