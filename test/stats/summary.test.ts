import { describe, expect, it } from 'vitest';
import { mean, percentile, percentiles, standardDeviation } from '../../stats/summary.ts';
import { INSTALL, pythonWith, runPython } from '../support/python.ts';

describe('by hand', () => {
  it('mean', () => {
    expect(mean([1, 2, 6])).toBe(3);
    expect(mean([])).toBeNaN();
  });

  it('standard deviation, with n and n − 1', () => {
    expect(standardDeviation([2, 4, 4, 4, 5, 5, 7, 9])).toBe(2);
    expect(standardDeviation([1, 3], 1)).toBeCloseTo(Math.SQRT2, 14);
    expect(standardDeviation([5])).toBe(0);
    expect(standardDeviation([5], 1)).toBeNaN();
  });

  it('percentiles between ranks', () => {
    expect(percentile([40, 10, 30, 20], 0)).toBe(10);
    expect(percentile([40, 10, 30, 20], 1)).toBe(40);
    expect(percentile([40, 10, 30, 20], 0.5)).toBe(25);
    expect(percentile([40, 10, 30, 20], 0.25)).toBe(17.5);
    expect(percentile([7], 0.3)).toBe(7);
    expect(percentile([], 0.3)).toBeNaN();
    expect(() => percentile([1], 1.5)).toThrow(RangeError);
  });

  it('leaves the values as they are', () => {
    const values = [3, 1, 2];
    percentiles(values, [0.5]);
    expect(values).toEqual([3, 1, 2]);
  });
});

const python = pythonWith('numpy');

describe.skipIf(!python)(`against numpy (${INSTALL})`, () => {
  it('agrees on random values', () => {
    const shares = [0, 0.025, 0.05, 0.31, 0.5, 0.77, 0.95, 0.975, 1];
    const lists = [1, 2, 3, 10, 101, 1000].map((n) =>
      Array.from({ length: n }, () => Math.fround(Math.random() * 20 - 10) + 1000),
    );
    const program = `
import sys, json, numpy as np
given = json.load(sys.stdin)
print(json.dumps([[np.mean(a), np.std(a)] + list(np.percentile(a, 100 * np.array(given['shares']))) for a in given['lists']]))`;
    const expected = runPython<number[][]>(python!, program, { lists, shares });
    for (const [i, list] of lists.entries()) {
      const found = [mean(list), standardDeviation(list), ...percentiles(list, shares)];
      found.forEach((value, j) => {
        expect(value).toBeCloseTo(expected[i]![j]!, 9);
      });
    }
  });
});
