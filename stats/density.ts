import { standardDeviation } from './summary.ts';

/**
 * Scott's bandwidth for a Gaussian kernel: sd · n^(−1/5), sd with n − 1 (Scott 1992, *Multivariate Density Estimation*,
 * §6.5; the default of scipy's gaussian_kde). 0 when the values don't spread, NaN for fewer than two.
 */
export function scottBandwidth(values: ArrayLike<number>): number {
  return standardDeviation(values, 1) * values.length ** -0.2;
}

/**
 * Gaussian kernel density at each point: the mean over the values of a normal density with standard deviation
 * `bandwidth` around each. Throws for a bandwidth that isn't positive. No correction at the ends of a bounded scale.
 * Cost: values × points.
 */
export function kernelDensity(
  values: ArrayLike<number>,
  points: ArrayLike<number>,
  bandwidth: number,
): Float64Array {
  if (!(bandwidth > 0)) throw new RangeError(`a kernel needs a positive bandwidth, not ${bandwidth}`);
  const density = new Float64Array(points.length);
  const scale = 1 / (values.length * bandwidth * Math.sqrt(2 * Math.PI));
  for (let p = 0; p < points.length; p++) {
    let sum = 0;
    for (let i = 0; i < values.length; i++) {
      const distance = (points[p]! - values[i]!) / bandwidth;
      sum += Math.exp(-0.5 * distance * distance);
    }
    density[p] = sum * scale;
  }
  return density;
}

/** `count` points from `from` to `to`, both included, at equal distances. */
export function evenly(from: number, to: number, count: number): Float64Array {
  const step = (to - from) / (count - 1);
  return Float64Array.from({ length: count }, (_, i) => (i === count - 1 ? to : from + i * step));
}
