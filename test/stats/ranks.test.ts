import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pearson, spearman } from '../../stats/correlation.ts';
import { evenly, kernelDensity, scottBandwidth } from '../../stats/density.ts';
import { conoverHolm, holm, kruskalWallis, midranks } from '../../stats/ranks.ts';
import { chiSquareTail, logGamma, studentTwoSided } from '../../stats/tails.ts';
import { INSTALL, pythonWith, runPython } from '../support/python.ts';

const python = pythonWith('scipy', 'numpy');
const title = python ? 'against scipy' : `against scipy (skipped: ${INSTALL})`;

/** Numbers with ties, from a fixed congruential generator. */
function numbers(seed: number, count: number, steps: number): number[] {
  let state = seed;
  return Array.from({ length: count }, () => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return Math.floor((state / 2147483648) * steps) / steps;
  });
}

function expectClose(actual: readonly number[], wanted: readonly number[], digits = 1e-9): void {
  expect(actual.length).toBe(wanted.length);
  actual.forEach((value, i) => {
    expect(Math.abs(value - wanted[i]!), `${i}: ${value} and ${wanted[i]}`).toBeLessThanOrEqual(
      digits * Math.max(1e-3, Math.abs(wanted[i]!)),
    );
  });
}

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

  it('Kruskal–Wallis and Conover–Holm agree, with ties and unequal groups', () => {
    const groups = [
      numbers(1, 17, 20),
      numbers(2, 9, 20).map((x) => x + 0.2),
      numbers(3, 30, 20),
      numbers(4, 12, 8),
    ];
    const wanted = runPython<{ h: number; p: number; raw: number[]; adjusted: number[] }>(
      python!,
      `import sys, json, itertools
import numpy as np
from scipy import stats
groups = json.load(sys.stdin)
h, p = stats.kruskal(*groups)
allv = np.concatenate(groups); r = stats.rankdata(allv); N = len(allv); k = len(groups)
S2 = (np.sum(r ** 2) - N * (N + 1) ** 2 / 4) / (N - 1)
parts = np.split(r, np.cumsum([len(g) for g in groups])[:-1])
raw = []
for i, j in itertools.combinations(range(k), 2):
    se = np.sqrt(S2 * (N - 1 - h) / (N - k) * (1 / len(parts[i]) + 1 / len(parts[j])))
    raw.append(2 * stats.t.sf(abs(parts[i].mean() - parts[j].mean()) / se, N - k))
raw = np.array(raw); order = np.argsort(raw); m = len(raw)
steps = np.minimum(1, np.maximum.accumulate((m - np.arange(m)) * raw[order]))
adjusted = np.empty(m); adjusted[order] = steps
print(json.dumps(dict(h=h, p=p, raw=raw.tolist(), adjusted=adjusted.tolist())))`,
      groups,
    );
    const { h, p, degrees } = kruskalWallis(groups);
    expectClose([h, p, degrees], [wanted.h, wanted.p, 3]);
    const pairs = conoverHolm(groups);
    expectClose(
      pairs.map((pair) => pair.p),
      wanted.raw,
    );
    expectClose(
      pairs.map((pair) => pair.adjusted),
      wanted.adjusted,
    );
  });

  it('correlations and densities agree', () => {
    const [a, b] = [numbers(5, 40, 15), numbers(6, 40, 15)];
    const points = [...evenly(-0.5, 1.5, 41)];
    const wanted = runPython<{ pearson: number; spearman: number; density: number[] }>(
      python!,
      `import sys, json
from scipy import stats
a, b, points = json.load(sys.stdin)
print(json.dumps(dict(pearson=stats.pearsonr(a, b)[0], spearman=stats.spearmanr(a, b)[0],
  density=stats.gaussian_kde(a)(points).tolist())))`,
      [a, b, points],
    );
    expectClose([pearson(a, b), spearman(a, b)], [wanted.pearson, wanted.spearman]);
    expectClose([...kernelDensity(a, points, scottBandwidth(a))], wanted.density);
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
