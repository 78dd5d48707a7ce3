/** Remembers how fast a model is on an adapter, so that it is measured once. */
import type { Adapter, ModelInfo, Speed } from "../types.js";
import { Folder, digestOf } from "./folder.js";
import { overwrite } from "./writer.js";

/** What was measured before, or what `measure` finds now. Where nothing can be stored it is measured each time it is asked. */
export async function rememberSpeed(model: ModelInfo, adapter: Adapter, measure: () => Promise<Speed>): Promise<Speed> {
  const folder = await Folder.open();
  const { name, quantization, sizeBytes, contextLength } = model;
  const overlays = adapter.overlays.filter(({ reason }) => reason === null).map(({ overlay }) => overlay);
  const key = await digestOf([name, quantization, sizeBytes, contextLength, adapter.name, adapter.backend, ...overlays].join("\n"));
  const known = parse(await folder?.note("speed", key));
  if (known) return known;
  const speed = await measure();
  await folder?.noteFile("speed", key).then((file) => overwrite(file, JSON.stringify(speed))).catch(() => {});
  return speed;
}

function parse(text: string | undefined): Speed | undefined {
  try {
    const speed = JSON.parse(text ?? "") as Speed;
    return [speed.prefill, speed.decode, speed.batchDecode].every((rate) => rate > 0 && Number.isFinite(rate)) ? speed : undefined;
  } catch {
    return undefined;
  }
}
