import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { correlationP, pearson, spearman } from '../../stats/correlation.ts';
import { fisherInterval } from '../../stats/correlation-interval.ts';
import { kernelDensity, scottBandwidth } from '../../stats/density.ts';
import { conoverHolm, kruskalWallis, midranks } from '../../stats/ranks.ts';
import { INSTALL, pythonWith, runPython } from '../support/python.ts';

interface Values {
  groups: {
    name: string;
    groups: number[][];
    h: number;
    p: number;
    pairs: { t: number[]; p: number[]; adjusted: number[] };
  }[];
  pairs: {
    name: string;
    a: number[];
    b: number[];
    ranks: [number[], number[]];
    pearson: number;
    pearson_p: number;
    fisher: [number | null, number | null];
    spearman: number;
    spearman_p: number;
  }[];
  densities: { name: string; values: number[]; points: number[]; bandwidth: number; density: number[] }[];
}

const file = (name: string) => readFileSync(join(import.meta.dirname, name), 'utf8');
const kept = JSON.parse(file('scipy-values.json')) as Values;

/** Equal to 1e-9 of the wanted value, or to 1e-12 near 0. */
function expectEqual(found: readonly number[], wanted: readonly number[]): void {
  expect(found.length).toBe(wanted.length);
  found.forEach((value, i) => {
    const distance = Math.abs(value - wanted[i]!);
    expect(distance, `${i}: ${value} and ${wanted[i]}`).toBeLessThanOrEqual(
      1e-9 * Math.abs(wanted[i]!) + 1e-12,
    );
  });
}

const python = pythonWith('scipy', 'numpy');

it.skipIf(!python)(python ? 'the values kept are SciPy’s' : `SciPy’s values (skipped: ${INSTALL})`, () => {
  const now = runPython<Values>(python!, file('scipy-values.py'), null);
  const leaves = (value: unknown): number[] =>
    typeof value === 'number'
      ? [value]
      : value && typeof value === 'object'
        ? Object.values(value).flatMap(leaves)
        : [];
  expectEqual(leaves(now), leaves(kept));
});

describe.each(kept.groups)('Kruskal–Wallis and Conover–Holm: $name', ({ groups, h, p, pairs }) => {
  it('is SciPy’s', () => {
    const found = kruskalWallis(groups);
    expectEqual([found.h, found.p, found.degrees], [h, p, groups.length - 1]);
    const tests = conoverHolm(groups);
    expectEqual(
      tests.map((test) => test.t),
      pairs.t,
    );
    expectEqual(
      tests.map((test) => test.p),
      pairs.p,
    );
    expectEqual(
      tests.map((test) => test.adjusted),
      pairs.adjusted,
    );
  });
});

describe.each(kept.pairs)('correlation: $name', (pair) => {
  it('is SciPy’s, with its p', () => {
    const { a, b } = pair;
    const [r, rho] = [pearson(a, b), spearman(a, b)];
    expectEqual([r, rho], [pair.pearson, pair.spearman]);
    expectEqual([correlationP(r, a.length), correlationP(rho, a.length)], [pair.pearson_p, pair.spearman_p]);
  });

  it('has SciPy’s ranks and Fisher interval', () => {
    expect([[...midranks(pair.a)], [...midranks(pair.b)]]).toEqual(pair.ranks);
    if (pair.a.length <= 3) return; // no interval for three pairs
    const { low, high } = fisherInterval(pearson(pair.a, pair.b), pair.a.length, 1);
    expectEqual([low, high], pair.fisher as [number, number]);
  });
});

describe.each(kept.densities)('kernel density: $name', ({ values, points, bandwidth, density }) => {
  it('is SciPy’s, with Scott’s bandwidth', () => {
    expectEqual([scottBandwidth(values)], [bandwidth]);
    expectEqual([...kernelDensity(values, points, bandwidth)], density);
  });
});
