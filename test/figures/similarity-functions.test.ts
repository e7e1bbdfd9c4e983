import { expect, it } from 'vitest';
import type { FigureData, UnitPoint } from '../../figures/figure.ts';
import { similarityFunctions } from '../../figures/similarity-functions.ts';

const unit = (encoder: string, number: number, mis: number): UnitPoint => ({
  model: 'net',
  encoder,
  layer: 'a',
  layer_type: 'conv',
  unit: number,
  relative_depth: 0,
  relative_width: 1,
  mis,
});

const data: FigureData = {
  models: [],
  layers: [],
  units: [
    ...[0.5, 0.6, 0.7, 0.9, 0.55].map((mis, i) => unit('cosine', i, mis)),
    ...[0.4, 0.5, 0.9, 0.8, 0.6].map((mis, i) => unit('lpips', i, mis)),
    // a pairwise function scored a sample, in an order of its own
    ...[3, 0, 2, 1].map((i) => unit('dists', i, [0.9, 0.8, 0.7, 0.6][i]!)),
  ],
  tasks: [],
  encoders: ['lpips', 'cosine', 'dists'],
  bootstrap: { resamples: 200, seed: 1 },
};

it('compares functions on the units that all of them scored', () => {
  const { table } = similarityFunctions.make(data)!;
  expect(table.map(({ kind, encoder, other, units }) => [kind, encoder, other, units])).toEqual([
    ['function', 'lpips', null, 4],
    ['function', 'cosine', null, 4],
    ['function', 'dists', null, 4],
    ['pair', 'lpips', 'cosine', 4],
    ['pair', 'lpips', 'dists', 4],
    ['pair', 'cosine', 'dists', 4],
  ]);
  // ranks 1 2 4 3, 1 2 3 4 and 4 3 2 1: ρ = 1 − 6 Σd²/(n(n² − 1))
  const rho = table.filter((row) => row.kind === 'pair').map((row) => row.spearman);
  expect(rho).toEqual([0.8, -0.8, -1].map((value) => expect.closeTo(value, 12)));
  expect(table[1]!.mis).toBeCloseTo((0.5 + 0.6 + 0.7 + 0.9) / 4, 12);
  expect(table[5]).toMatchObject({
    spearman_high: expect.closeTo(-1, 12),
    spearman_p: expect.closeTo(0, 12),
  });
});

it('needs two functions and three units in common', () => {
  const one = data.units.filter((row) => row.encoder === 'cosine');
  expect(similarityFunctions.make({ ...data, units: one })).toBeUndefined();
  const few = [...one, ...data.units.filter((row) => row.encoder === 'dists' && row.unit < 2)];
  expect(similarityFunctions.make({ ...data, units: few })).toBeUndefined();
});
