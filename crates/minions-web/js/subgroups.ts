/**
 * Has the GPU runtime's device come with subgroups.
 *
 * wgpu 30 knows no name for the feature `subgroups` in a browser and so never asks for it (gfx-rs/wgpu#10146); kernels'
 * overlays need it. So the browser's own function is made to ask for it as well, wherever the adapter has it. It also
 * notes what the adapter calls itself, which wgpu does not pass on either.
 */

/** The part of WebGPU used here: TypeScript's own library does not declare it yet. */
interface Adapter {
  features: { has(name: string): boolean };
  info?: { vendor: string; architecture: string };
  requestDevice(descriptor?: { requiredFeatures?: Iterable<string> }): Promise<unknown>;
}

const FEATURE = "subgroups";

let isDone = false;

/** Once is enough; without WebGPU nothing is to be done. */
export function requestSubgroups(): void {
  const { GPUAdapter } = globalThis as { GPUAdapter?: { prototype: Adapter } };
  if (isDone || !GPUAdapter) return;
  isDone = true;
  const { requestDevice } = GPUAdapter.prototype;
  GPUAdapter.prototype.requestDevice = function (this: Adapter, descriptor = {}) {
    const { vendor = "", architecture = "" } = this.info ?? {};
    Object.assign(globalThis, { __minions_adapter: `${vendor} ${architecture}`.trim().toLowerCase() });
    const features = new Set(descriptor.requiredFeatures ?? []);
    if (this.features.has(FEATURE)) features.add(FEATURE);
    return requestDevice.call(this, { ...descriptor, requiredFeatures: [...features] });
  };
}
