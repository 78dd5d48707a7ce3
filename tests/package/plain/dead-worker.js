// A worker whose wasm panics at the first call.
addEventListener("message", () => postMessage({ fatal: "minions-web failed, load the model again: at the first call" }));
