export interface Layout {
  keys: Map<string, { keyAt: number; type: number; valueAt: number }>;
  tensors: Map<string, { nameAt: number; dimensionsAt: number; typeAt: number; offsetAt: number }>;
  infoEnd: number;
}

export function layout(file: Buffer): Layout;
export function patched(file: Buffer, change: (copy: Buffer, layout: Layout) => unknown): Buffer;
export function write(metadata: [string, [string, unknown]][], tensors: object[]): Generator<Buffer>;
