import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { batchOf, compared } from './compared.ts';
import { plainSimilarities } from './plain.ts';

type Similarity = 'cosine' | 'squared-euclidean';

/** One task: queries are images 0 and 1, then come K positive and K negative references. */
async function similarities(kind: Similarity, vectors: readonly (readonly number[])[]) {
  const references = (vectors.length - 2) / 2;
  const range = (from: number) => Array.from({ length: references }, (_, i) => from + i);
  const task = {
    plus: 0,
    minus: 1,
    references_plus: range(2),
    references_minus: range(2 + references),
  };
  const embeddings = vectors.map((vector) => Float32Array.from(vector));
  const { found } = await compared(kind, embeddings, [batchOf([task])], references);
  return Object.values(found).map((values) => values[0]!);
}

const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
const dot = (a: readonly number[], b: readonly number[]) => sum(a.map((x, i) => x * b[i]!));
const f = {
  cosine: (a: readonly number[], b: readonly number[]) => dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b)),
  'squared-euclidean': (a: readonly number[], b: readonly number[]) =>
    -sum(a.map((x, i) => (x - b[i]!) ** 2)),
};

describe('by hand', () => {
  it('cosine does not see lengths', async () => {
    // q⁺ = e₁, q⁻ = e₂; E⁺ = {e₁, diagonal}, E⁻ = {e₂, −e₁}
    const found = await similarities('cosine', [
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

  it('squared-euclidean is minus the mean squared distance', async () => {
    const found = await similarities('squared-euclidean', [
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
    async (kind) => {
      await fc.assert(
        fc.asyncProperty(vectors, async (vectors) => {
          const references = (vectors.length - 2) / 2;
          const s = (query: number, from: number) =>
            sum(vectors.slice(from, from + references).map((e) => f[kind](vectors[query]!, e))) / references;
          const [pp, pm, mp, mm] = [s(0, 2), s(0, 2 + references), s(1, 2), s(1, 2 + references)];
          const found = await similarities(kind, vectors);
          const scale = kind === 'cosine' ? 1 : Math.max(1, ...vectors.map((v) => dot(v, v)));
          [pp, pm, mp, mm, pp - pm - (mp - mm)].forEach((value, i) => {
            expect(Math.abs(found[i]! - value) / scale).toBeLessThan(1e-13);
          });
        }),
      );
    },
  );

  it('the margin is (q⁺ − q⁻) · (ē⁺ − ē⁻) for cosine, twice that of the raw embeddings for squared-euclidean', async () => {
    await fc.assert(
      fc.asyncProperty(vectors, async (raw) => {
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
        const cosine = (await similarities('cosine', raw))[4]!;
        expect(Math.abs(cosine - product(normalised))).toBeLessThan(1e-13);
        const scale = Math.max(1, ...raw.map((v) => dot(v, v)));
        const margin = (await similarities('squared-euclidean', raw))[4]!;
        expect(Math.abs(margin - 2 * product(raw)) / scale).toBeLessThan(1e-13);
      }),
    );
  });
});

describe('the kernel', () => {
  const study = fc
    .record({
      images: fc.integer({ min: 1, max: 30 }),
      dimensions: fc.integer({ min: 1, max: 150 }),
      references: fc.integer({ min: 1, max: 12 }),
      tasks: fc.integer({ min: 0, max: 40 }),
      kind: fc.constantFrom('cosine' as const, 'squared-euclidean' as const),
    })
    .chain(({ images, dimensions, references, tasks, kind }) => {
      const value = fc.float({ min: -1e6, max: 1e6, noNaN: true });
      const image = fc.nat({ max: images - 1 });
      const set = fc.array(image, { minLength: references, maxLength: references });
      return fc.record({
        kind: fc.constant(kind),
        references: fc.constant(references),
        embeddings: fc.array(
          fc.array(value, { minLength: dimensions, maxLength: dimensions }).map((values) => {
            const embedding = Float32Array.from(values);
            embedding[0] ||= 1; // never all 0
            return embedding;
          }),
          { minLength: images, maxLength: images },
        ),
        tasks: fc.array(
          fc.record({ plus: image, minus: image, references_plus: set, references_minus: set }),
          { minLength: tasks, maxLength: tasks },
        ),
        cut: fc.nat({ max: tasks }),
        means: fc.record({
          embeddings: fc.constantFrom(1, 2_000, 20_000),
          lists: fc.constantFrom(1, 500, 20_000),
        }),
      });
    });

  it('gives what plain loops give to the last bit, however little memory there is', async () => {
    await fc.assert(
      fc.asyncProperty(study, async ({ kind, references, embeddings, tasks, cut, means }) => {
        const batches = [batchOf(tasks.slice(0, cut)), batchOf(tasks.slice(cut))];
        const { found } = await compared(kind, embeddings, batches, references, means);
        expect(found).toEqual(plainSimilarities(kind, embeddings, batchOf(tasks), references));
      }),
    );
  });

  it('reads the embeddings once where they fit, else as often as their dimensions need', async () => {
    const embeddings = Array.from({ length: 10 }, (_, i) =>
      Float32Array.from({ length: 200 }, (_, d) => Math.sin(i * 200 + d)),
    );
    const task = { plus: 0, minus: 1, references_plus: [2, 3, 4, 5], references_minus: [6, 7, 8, 9] };
    const passes = async (memory: number) =>
      (await compared('cosine', embeddings, [batchOf([task])], 4, { embeddings: memory })).passes;
    // Seven panels of 32 dimensions of ten images, 1,280 bytes each, or 25 of 8 dimensions.
    expect(await passes(8_960)).toBe(1);
    expect(await passes(8_959)).toBe(2);
    expect(await passes(1_280)).toBe(7);
    expect(await passes(320)).toBe(25);
    expect(await passes(1)).toBe(25);
  });
});

it('gives the same with helper threads', async () => {
  const [references, dimensions, count] = [5, 120, 1_500];
  const embeddings = Array.from({ length: 40 }, (_, i) =>
    Float32Array.from({ length: dimensions }, (_, d) => Math.sin(i * i + d * 1.7)),
  );
  const tasks = Array.from({ length: count }, (_, i) => ({
    plus: (i * 3) % 40,
    minus: (i * 7 + (i >> 5)) % 40,
    references_plus: Array.from({ length: references }, (_, j) => (i * 11 + j) % 40),
    references_minus: Array.from({ length: references }, (_, j) => (i * 13 + j * 3) % 40),
  }));
  const expected = plainSimilarities('cosine', embeddings, batchOf(tasks), references);
  for (const threads of [1, 2, 3]) {
    const lists = 48 * 1_000; // bytes: two thirds of the tasks
    const { found } = await compared('cosine', embeddings, [batchOf(tasks)], references, { threads, lists });
    expect(found).toEqual(expected);
  }
});

describe('rounded values', () => {
  const NAMES = ['s_plus_plus', 's_plus_minus', 's_minus_plus', 's_minus_minus', 'margin'] as const;
  const value = {
    even: fc.float({ min: Math.fround(0.1), max: 1, noNaN: true }),
    signed: fc.float({ min: -1, max: 1, noNaN: true }),
    // A few dimensions that are much larger than the others, or nothing but zeros.
    odd: fc.oneof(
      { weight: 8, arbitrary: fc.float({ min: -1, max: 1, noNaN: true }) },
      { weight: 1, arbitrary: fc.constantFrom(1e4, -1e4) },
      { weight: 4, arbitrary: fc.constant(0) },
    ),
  };
  const study = fc
    .record({
      images: fc.integer({ min: 2, max: 25 }),
      dimensions: fc.integer({ min: 1, max: 70 }),
      references: fc.oneof(fc.integer({ min: 1, max: 12 }), fc.constant(300)),
      kind: fc.constantFrom('cosine' as const, 'squared-euclidean' as const),
      values: fc.constantFrom('even' as const, 'signed' as const, 'odd' as const),
      threads: fc.constantFrom(1, 1, 1, 2),
    })
    .chain(({ images, dimensions, references, values, ...rest }) => {
      const image = fc.nat({ max: images - 1 });
      const set = fc.array(image, { minLength: references, maxLength: references });
      const task = fc.record({ plus: image, minus: image, references_plus: set, references_minus: set });
      const embedding = fc
        .array(value[values], { minLength: dimensions, maxLength: dimensions })
        .map((numbers) => Float32Array.from(numbers, (x, d) => (d === 0 ? x || 1 : x)));
      return fc.record({
        ...{ references: fc.constant(references), rest: fc.constant(rest) },
        embeddings: fc.array(embedding, { minLength: images, maxLength: images }),
        // More tasks than images: else rounding isn't worth its while.
        tasks: fc.array(task, { minLength: images + 1, maxLength: images + 20 }),
      });
    });

  it('are off by a hundred thousandth at most, also of numbers near 0', async () => {
    let [rounded, largest] = [0, 0];
    await fc.assert(
      fc.asyncProperty(study, async ({ references, embeddings, tasks, rest: { kind, threads } }) => {
        const means = { rounds: true, threads, lists: 24_000 };
        const { found } = await compared(kind, embeddings, [batchOf(tasks)], references, means);
        const exact = plainSimilarities(kind, embeddings, batchOf(tasks), references);
        for (const name of NAMES) {
          found[name].forEach((value, i) => {
            if (value === exact[name][i]) return;
            rounded++;
            largest = Math.max(largest, Math.abs(value - exact[name][i]!) / Math.abs(exact[name][i]!));
          });
        }
      }),
      { numRuns: 60 },
    );
    expect(rounded).toBeGreaterThan(1000); // else nothing was rounded
    expect(largest).toBeLessThan(1e-5);
    expect(largest).toBeGreaterThan(0);
  });

  it('do not overflow when all values are the largest', async () => {
    for (const references of [1, 2, 9, 1000]) {
      const embeddings = Array.from({ length: 3 }, (_, i) =>
        Float32Array.from({ length: 40 }, () => 3e4 + i),
      );
      const set = new Array<number>(references).fill(2);
      const task = { plus: 2, minus: 1, references_plus: set, references_minus: set.with(0, 0) };
      const batch = batchOf(new Array(4).fill(task));
      const { found } = await compared('cosine', embeddings, [batch], references, { rounds: true });
      const close = (value: number) => expect(Math.abs(value - 1)).toBeLessThan(1e-6);
      for (const name of NAMES.slice(0, 4)) found[name as 's_plus_plus'].forEach(close);
    }
  });

  it('are the same with helper threads', async () => {
    const embeddings = Array.from({ length: 40 }, (_, i) =>
      Float32Array.from({ length: 120 }, (_, d) => Math.sin(i * i + d * 1.7)),
    );
    const tasks = Array.from({ length: 1_500 }, (_, i) => ({
      plus: (i * 3) % 40,
      minus: (i * 7 + (i >> 5)) % 40,
      references_plus: Array.from({ length: 5 }, (_, j) => (i * 11 + j) % 40),
      references_minus: Array.from({ length: 5 }, (_, j) => (i * 13 + j * 3) % 40),
    }));
    const by = async (threads: number, lists = 2 ** 20) => {
      const means = { rounds: true, threads, lists };
      return (await compared('cosine', embeddings, [batchOf(tasks)], 5, means)).found;
    };
    const alone = await by(1);
    for (const threads of [2, 3]) expect(await by(threads)).toEqual(alone);
    expect(await by(2, 48 * 1_000)).toEqual(alone); // bytes: two thirds of the tasks at a time
  });
});
