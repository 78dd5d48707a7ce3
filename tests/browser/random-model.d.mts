export interface Shape {
  hidden: number;
  layers: number;
  heads: number;
  kvHeads: number;
  headSize: number;
  feedForward: number;
  vocabulary: number;
  context: number;
}

export interface Tensor {
  name: string;
  shape: number[];
  type: number;
  bytes: number;
  data(): Buffer;
}

export const SHAPE_500MB: Shape;

export function metadata(shape: Shape): [string, [string, unknown]][];
export function tensors(shape: Shape, format: "Q4_0" | "Q8_0", next: () => number): Tensor[];
