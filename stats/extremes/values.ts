const float = new Float32Array(1);
const word = new Int32Array(float.buffer);

/** A signed 32-bit integer that orders as the float32 does. −0 and 0 have the same one. */
export function ordered(value: number): number {
  float[0] = value + 0;
  return word[0]! ^ ((word[0]! >> 31) >>> 1);
}

/** The float32 of such an integer. */
export function floatOf(order: number): number {
  word[0] = order ^ ((order >> 31) >>> 1);
  return float[0]!;
}
