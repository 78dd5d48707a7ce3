// The package's worker with a meter on WebGPU. The meter comes first: the wasm takes the functions as it starts.
import "./meter.js";
import "/pkg/worker.js";
