import { Engine } from "minions-web";
import { useEffect, useState } from "react";

/** Loads a model for as long as the component is there. `engine` is undefined until it can be used. */
export function useEngine(model) {
  const [state, setState] = useState({});
  useEffect(() => {
    const gone = new AbortController();
    const loading = Engine.load(model, { signal: gone.signal });
    loading.then(
      (engine) => setState({ engine }),
      (error) => gone.signal.aborted || setState({ error }),
    );
    return () => {
      gone.abort();
      loading.then((engine) => engine.unload()).catch(() => {});
    };
  }, [model]);
  return state;
}
