// The package's worker, which never gets on once the weights go to the device.
import "/pkg/worker.js";

const { postMessage } = globalThis;
globalThis.postMessage = (message) => {
  postMessage(message);
  const { buffer } = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  if (message.event?.phase === "upload") Atomics.wait(new Int32Array(buffer), 0, 0);
};
