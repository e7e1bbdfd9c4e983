import { UserError } from '../../common/errors.ts';
import type { Axis } from './build.ts';
import type { BatchPlace } from './pool.ts';

/** Values of a tensor in row-major order. */
export interface Value {
  readonly data: Float32Array;
  readonly shape: readonly number[];
}

/** Where the images of a batch lie in a tensor; the tensor's shape, where the length of the batch's axis says nothing. */
export interface Place {
  readonly shape: readonly number[];
  readonly batch: BatchPlace;
}

/** Where the images lie when the shape says so: exactly one axis is the batch's by name. */
export function placeByName(shape: readonly Axis[], batch: string): BatchPlace | undefined {
  const axis = shape.indexOf(batch);
  const rest = shape.filter((_, i) => i !== axis);
  return axis >= 0 && !rest.includes(batch) ? { axis, each: 1, order: 'outer' } : undefined;
}

/** Runs the model on some images [n, …] and gives the values of the tensors. */
export type RunImages = (pixels: Uint8Array, count: number) => Promise<Map<string, Value>>;

/**
 * Finds by running where the images of a batch lie in tensors whose shapes don't tell: a batch of noise, then the same
 * images moved on by one. The batch's axis is the one along which the values move in the same way. It may hold several
 * entries an image, which lie together or alternate. A batch of one lies anywhere: on the first axis of length 1.
 * `imageBytes` is the size of an image. Throws a UserError when the values of a tensor move along no axis.
 */
export async function probePlaces(
  run: RunImages,
  imageBytes: number,
  batch: number,
  tensors: readonly string[],
  file: string,
): Promise<Map<string, Place>> {
  const pixels = noise(batch * imageBytes);
  const before = await run(pixels, batch);
  const moved = Buffer.concat([pixels.subarray(imageBytes), pixels.subarray(0, imageBytes)]);
  const after = batch === 1 ? before : await run(moved, batch);
  return new Map(
    tensors.map((name) => {
      const value = before.get(name)!;
      const place = batch === 1 ? placeOfOne(value.shape) : placeByMoving(value, after.get(name)!, batch);
      if (place) return [name, { shape: value.shape, batch: place }];
      throw new UserError(
        `The tensor "${name}" of the model ${file}, of shape [${value.shape}] for ${batch} images, has no axis ` +
          'along which the images of a batch lie. Choose other layers, or export the model with a free batch size.',
      );
    }),
  );
}

function placeOfOne(shape: readonly number[]): BatchPlace {
  const axis = Math.max(0, shape.indexOf(1));
  return { axis, each: shape[axis]!, order: 'outer' };
}

function placeByMoving(before: Value, after: Value, batch: number): BatchPlace | undefined {
  const candidates = before.shape.flatMap((length, axis): BatchPlace[] => {
    if (length % batch !== 0 || after.shape[axis] !== length) return [];
    const each = length / batch;
    const outer = { axis, each, order: 'outer' } as const;
    return each === 1 ? [outer] : [outer, { ...outer, order: 'inner' }];
  });
  const rated = candidates.map((place) => ({ place, error: movingError(before, after, batch, place) }));
  const best = rated.reduce(
    (a, b) => (b.error < a.error ? b : a),
    rated[0] ?? { place: undefined, error: 1 },
  );
  return best.error <= 1e-3 ? best.place : undefined;
}

/** Largest difference of entry e of image i + 1 before and of image i after, relative to the largest value. */
function movingError(before: Value, after: Value, batch: number, { axis, each, order }: BatchPlace): number {
  const inside = before.shape.slice(axis + 1).reduce((a, b) => a * b, 1);
  const length = batch * each;
  let worst = 0;
  let largest = 0;
  for (let i = 0; i < after.data.length; i++) {
    const at = Math.floor(i / inside) % length;
    const next = order === 'outer' ? (at + each) % length : at - (at % batch) + ((at + 1) % batch);
    const value = before.data[i + (next - at) * inside]!;
    worst = Math.max(worst, Math.abs(value - after.data[i]!));
    largest = Math.max(largest, Math.abs(value));
  }
  return worst / (largest || 1);
}

/** Reproducible noise as pixels. */
export function noise(length: number): Uint8Array {
  const values = new Uint8Array(length);
  let state = 1;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    values[i] = state >>> 24;
  }
  return values;
}
