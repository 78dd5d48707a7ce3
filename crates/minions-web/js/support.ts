/** What this browser can do. */
export interface Support {
  /** Whether the engine can run on the GPU here. Without it, it runs on the CPU, much slower. */
  webgpu: boolean;
  /** Whether kernels may compute in 16-bit floats. */
  f16: boolean;
  /** Whether the invocations of a subgroup can exchange values. */
  subgroups: boolean;
  /** What the adapter can hold. */
  limits: {
    /** The largest buffer in bytes. */
    maxBufferBytes: number;
    /** The largest part of a buffer that one kernel can see: a model's largest tensor must fit. */
    maxBindingBytes: number;
  };
  /** The adapter's name; empty where there is none. */
  adapter: string;
  /** Why `webgpu` is `false`. */
  reason?: string;
}

/** The part of WebGPU used here: TypeScript's own library does not declare it yet. */
interface Gpu {
  requestAdapter(options: { powerPreference: "high-performance" }): Promise<GpuAdapter | null>;
}

interface GpuAdapter {
  features: { has(name: string): boolean };
  limits: { maxBufferSize: number; maxStorageBufferBindingSize: number };
  info?: { vendor: string; architecture: string; description: string };
}

/** Asks the browser for its adapter. Loads nothing. */
export async function isSupported(): Promise<Support> {
  const gpu = (globalThis.navigator as Navigator & { gpu?: Gpu }).gpu;
  if (!gpu) {
    const reason = globalThis.isSecureContext
      ? "this browser has no WebGPU, or it is switched off"
      : "WebGPU needs a secure page: https, or http on localhost";
    return without(reason);
  }
  let adapter: GpuAdapter | null;
  try {
    adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
  } catch (error) {
    return without(`the browser refused an adapter: ${(error as Error).message}`);
  }
  if (!adapter) return without("the browser offers no GPU adapter");
  const { features, limits, info } = adapter;
  const support: Support = {
    webgpu: true,
    f16: features.has("shader-f16"),
    subgroups: features.has("subgroups"),
    limits: { maxBufferBytes: limits.maxBufferSize, maxBindingBytes: limits.maxStorageBufferBindingSize },
    adapter: info?.description || [info?.vendor, info?.architecture].filter(Boolean).join(" ") || "WebGPU adapter",
  };
  // The GPU runtime (cubecl) fails without them; `minions-engine/src/device.rs` has the same check.
  if (!features.has("timestamp-query")) {
    return { ...support, webgpu: false, reason: "the adapter has no timestamp queries" };
  }
  return support;
}

function without(reason: string): Support {
  return { webgpu: false, f16: false, subgroups: false, limits: { maxBufferBytes: 0, maxBindingBytes: 0 }, adapter: "", reason };
}
