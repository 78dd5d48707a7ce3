// The package's worker on a GPU that fails when it is told to.
import "./failing-gpu.js";
import "/pkg/worker.js";
