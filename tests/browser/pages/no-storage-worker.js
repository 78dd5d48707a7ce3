// The package's worker without storage: what it would ask for it comes first.
import "./no-storage.js";
import "/pkg/worker.js";
