import { UserError } from '../../common/errors.ts';

/** Activations by layer, flat. */
export type Activations = ReadonlyMap<string, Float32Array>;

const LIMIT = 1e-4;

/**
 * The largest difference between two programs' activations, relative to the largest of the layer by the second. Throws a
 * UserError when they have other layers, or when it is above 1e-4: they did different work, and times can't be compared.
 */
export function agreement(ours: Activations, theirs: Activations): number {
  const names = (all: Activations) => [...all.keys()].sort().join(', ');
  if (names(ours) !== names(theirs)) throw different(`mis has ${names(ours)}; PyTorch ${names(theirs)}`);
  let worst = 0;
  for (const [name, expected] of theirs) {
    const off = relative(ours.get(name)!, expected);
    if (!(off <= LIMIT)) throw different(`layer ${name} by ${off} of its largest activation`);
    worst = Math.max(worst, off);
  }
  return worst;
}

function different(how: string): UserError {
  return new UserError(
    `mis and PyTorch gave different activations for the same images: ${how}. Their times can't be compared; nothing was measured.`,
  );
}

function relative(found: Float32Array, expected: Float32Array): number {
  if (found.length !== expected.length) return Number.POSITIVE_INFINITY;
  let [largest, off] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    largest = Math.max(largest, Math.abs(expected[i]!));
    const apart = Math.abs(found[i]! - expected[i]!);
    if (Number.isNaN(apart)) return apart;
    off = Math.max(off, apart);
  }
  return off / (largest || 1);
}
