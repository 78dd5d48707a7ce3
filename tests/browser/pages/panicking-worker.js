// The package's worker, which can be told to do what the wasm does when it panics.
import "/pkg/worker.js";

addEventListener("message", ({ data }) => {
  if (data.panic) globalThis.__minions_panic(data.panic);
});
