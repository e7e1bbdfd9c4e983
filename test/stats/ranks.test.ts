import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pearson, spearman } from '../../stats/correlation.ts';
import { evenly, kernelDensity, scottBandwidth } from '../../stats/density.ts';
import { conoverHolm, holm, kruskalWallis, midranks } from '../../stats/ranks.ts';
import { chiSquareTail, logGamma, studentTwoSided } from '../../stats/tails.ts';
import { INSTALL, pythonWith, runPython } from '../support/python.ts';

const python = pythonWith('scipy', 'numpy');
const title = python ? 'against scipy' : `against scipy (skipped: ${INSTALL})`;

describe.skipIf(!python)(title, () => {
  it('tails agree over a wide range', () => {
    const cases = [0.001, 0.3, 1, 2.5, 7, 19, 60, 200].flatMap((x) =>
      [1, 2, 3, 5, 10, 40, 300].map((n) => [x, n]),
    );
    const wanted = runPython<{ chi: number[]; t: number[]; gamma: number[] }>(
      python!,
      `import sys, json
from scipy import stats, special
cases = json.load(sys.stdin)
print(json.dumps(dict(chi=[stats.chi2.sf(x, n) for x, n in cases], t=[2 * stats.t.sf(x, n) for x, n in cases],
  gamma=[special.gammaln(x) for x, n in cases])))`,
      cases,
    );
    const near = (a: number, b: number) => Math.abs(a - b) <= 1e-9 * Math.abs(b) + 1e-14;
    cases.forEach(([x, n], i) => {
      expect(near(chiSquareTail(x!, n!), wanted.chi[i]!), `chi2 ${x} ${n}`).toBe(true);
      expect(near(studentTwoSided(x!, n!), wanted.t[i]!), `t ${x} ${n}`).toBe(true);
      expect(near(logGamma(x!), wanted.gamma[i]!), `gamma ${x}`).toBe(true);
    });
  });
});

describe('ranks', () => {
  it('share the mean among equals', () => {
    expect([...midranks([3, 1, 3, 2, 3])]).toEqual([4, 1, 4, 2, 4]);
    expect([...midranks([])]).toEqual([]);
  });

  it('sum to n(n + 1)/2 and follow the order', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -5, max: 5 })), (values) => {
        const ranks = midranks(values);
        expect(ranks.reduce((a, b) => a + b, 0)).toBe((values.length * (values.length + 1)) / 2);
        values.forEach((v, i) => {
          values.forEach((w, j) => {
            expect(Math.sign(ranks[i]! - ranks[j]!)).toBe(Math.sign(v - w));
          });
        });
      }),
    );
  });

  it('worked by hand: three groups of two, no ties', () => {
    // ranks 1 2 | 3 4 | 5 6: means 1.5, 3.5, 5.5; S² = 6·7/12 = 3.5; H = 2·(4 + 0 + 4)/3.5 = 32/7
    const groups = [
      [10, 20],
      [30, 40],
      [50, 60],
    ];
    expect(kruskalWallis(groups).h).toBeCloseTo(32 / 7, 12);
    // within = 3.5·(5 − 32/7)/3 = 0.5; t = −2 / sqrt(0.5·1) = −2√2
    expect(conoverHolm(groups)[0]!.t).toBeCloseTo(-2 * Math.SQRT2, 12);
  });

  it('says NaN where there is nothing to test', () => {
    expect(kruskalWallis([[1, 1], [1]]).p).toBeNaN();
    expect(kruskalWallis([[1, 2, 3]]).h).toBeNaN();
    expect(conoverHolm([[1], [2]])[0]!.p).toBeNaN();
    expect(() => kruskalWallis([[1], []])).toThrow(/empty/);
  });

  it('Holm by hand', () => {
    expect(holm([0.01, 0.04, 0.03, Number.NaN])).toEqual([0.03, 0.06, 0.06, Number.NaN]);
    expect(holm([0.9, 0.8])).toEqual([1, 1]);
  });
});

describe('correlation', () => {
  it('is 1 for a line, −1 for its reverse, NaN for a constant', () => {
    expect(pearson([1, 2, 3], [5, 7, 9])).toBeCloseTo(1, 12);
    expect(spearman([1, 2, 30], [5, 1, -7])).toBeCloseTo(-1, 12);
    expect(pearson([0.1, 0.1, 0.1], [1, 2, 3])).toBeNaN();
    expect(pearson([1], [1])).toBeNaN();
    expect(() => pearson([1], [1, 2])).toThrow();
  });
});

describe('density', () => {
  it('integrates to one', () => {
    const points = evenly(-3, 4, 2001);
    const density = kernelDensity([0.2, 0.5, 0.9], points, 0.3);
    expect(density.reduce((sum, d) => sum + d, 0) * (7 / 2000)).toBeCloseTo(1, 9);
  });
  it('refuses a bandwidth of nothing', () => {
    expect(() => kernelDensity([1, 1], [1], scottBandwidth([1, 1]))).toThrow(/bandwidth/);
  });
});
