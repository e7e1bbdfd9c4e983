import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Embedded,
  fillSimilarities,
  type Similarity,
  similaritiesFor,
} from '../../../stages/compute-similarity/similarity.ts';

/** Embeddings by image number. */
function embed(vectors: readonly (readonly number[])[]): Embedded {
  return {
    dimensions: vectors[0]!.length,
    values: Float32Array.from(vectors.flat()),
    squares: Float64Array.from(vectors, (vector) => vector.reduce((sum, x) => sum + Math.fround(x) ** 2, 0)),
    rows: Int32Array.from(vectors.keys()),
  };
}

/** One task: queries are images 0 and 1, then come K positive and K negative references. */
function task(references: number) {
  const range = (from: number) => Int32Array.from({ length: references }, (_, i) => from + i);
  return {
    query_plus: Int32Array.of(0),
    query_minus: Int32Array.of(1),
    references_plus: range(2),
    references_minus: range(2 + references),
  };
}

function similarities(kind: Similarity, vectors: readonly (readonly number[])[]) {
  const references = (vectors.length - 2) / 2;
  const out = similaritiesFor(1);
  fillSimilarities(kind, embed(vectors), task(references), references, 0, 1, out);
  return [out.s_plus_plus, out.s_plus_minus, out.s_minus_plus, out.s_minus_minus, out.margin].map(
    (s) => s[0]!,
  );
}

const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
const dot = (a: readonly number[], b: readonly number[]) => sum(a.map((x, i) => x * b[i]!));
const f = {
  cosine: (a: readonly number[], b: readonly number[]) => dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b)),
  'squared-euclidean': (a: readonly number[], b: readonly number[]) =>
    -sum(a.map((x, i) => (x - b[i]!) ** 2)),
};

describe('by hand', () => {
  it('cosine does not see lengths', () => {
    // q⁺ = e₁, q⁻ = e₂; E⁺ = {e₁, diagonal}, E⁻ = {e₂, −e₁}
    const found = similarities('cosine', [
      [5, 0],
      [0, 2],
      [1, 0],
      [3, 3],
      [0, 7],
      [-0.5, 0],
    ]);
    const half = Math.SQRT1_2 / 2;
    const expected = [0.5 + half, -0.5, half, 0.5, 0.5 + half + 0.5 - (half - 0.5)];
    found.forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i]!, 14);
    });
  });

  it('squared-euclidean is minus the mean squared distance', () => {
    const found = similarities('squared-euclidean', [
      [1, 0],
      [0, 2],
      [1, 0],
      [3, 3],
      [0, 7],
      [-1, 0],
    ]);
    // to E⁺: 0, 13 and 5, 10; to E⁻: 50, 4 and 25, 5
    expect(found).toEqual([-6.5, -27, -7.5, -15, -6.5 + 27 - (-7.5 + 15)]);
  });
});

describe('sums and pairs', () => {
  const number = fc.integer({ min: -1000, max: 1000 }).map((x) => x / 64);
  const vectors = fc
    .record({ references: fc.integer({ min: 1, max: 9 }), dimensions: fc.integer({ min: 1, max: 20 }) })
    .chain(({ references, dimensions }) => {
      const vector = fc
        .array(number, { minLength: dimensions, maxLength: dimensions })
        .filter((v) => v.some((x) => x !== 0));
      return fc.array(vector, { minLength: 2 + 2 * references, maxLength: 2 + 2 * references });
    });

  it.each(['cosine', 'squared-euclidean'] as const)(
    '%s: the mean over all pairs is what the sums give',
    (kind) => {
      fc.assert(
        fc.property(vectors, (vectors) => {
          const references = (vectors.length - 2) / 2;
          const s = (query: number, from: number) =>
            sum(vectors.slice(from, from + references).map((e) => f[kind](vectors[query]!, e))) / references;
          const [pp, pm, mp, mm] = [s(0, 2), s(0, 2 + references), s(1, 2), s(1, 2 + references)];
          const found = similarities(kind, vectors);
          const scale = kind === 'cosine' ? 1 : Math.max(1, ...vectors.map((v) => dot(v, v)));
          [pp, pm, mp, mm, pp - pm - (mp - mm)].forEach((value, i) => {
            expect(Math.abs(found[i]! - value) / scale).toBeLessThan(1e-13);
          });
        }),
      );
    },
  );

  it('the margin is (q⁺ − q⁻) · (ē⁺ − ē⁻) for cosine, twice that of the raw embeddings for squared-euclidean', () => {
    fc.assert(
      fc.property(vectors, (raw) => {
        const references = (raw.length - 2) / 2;
        const product = (vectors: readonly (readonly number[])[]) => {
          const mean = (from: number) =>
            vectors[0]!.map(
              (_, d) => sum(vectors.slice(from, from + references).map((e) => e[d]!)) / references,
            );
          const minus = (a: readonly number[], b: readonly number[]) => a.map((x, i) => x - b[i]!);
          return dot(minus(vectors[0]!, vectors[1]!), minus(mean(2), mean(2 + references)));
        };
        const normalised = raw.map((v) => v.map((x) => x / Math.sqrt(dot(v, v))));
        expect(Math.abs(similarities('cosine', raw)[4]! - product(normalised))).toBeLessThan(1e-13);
        const scale = Math.max(1, ...raw.map((v) => dot(v, v)));
        const margin = similarities('squared-euclidean', raw)[4]!;
        expect(Math.abs(margin - 2 * product(raw)) / scale).toBeLessThan(1e-13);
      }),
    );
  });
});
