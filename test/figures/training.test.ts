import { describe, expect, it } from 'vitest';
import type { FigureData, UnitPoint } from '../../figures/figure.ts';
import { tickEpochs, training } from '../../figures/training.ts';
import { trainingLayers } from '../../figures/training-layers.ts';
import { untrained } from '../../figures/untrained.ts';
import type { ModelRow } from '../../tables/report-tables.ts';

function row(model: string, mis: number | null, width = 0.01): ModelRow {
  return {
    model,
    encoder: 'e',
    mis,
    mis_low: mis === null ? null : mis - width,
    mis_high: mis === null ? null : mis + width,
    mis_p05: mis,
    mis_p95: mis,
    task_accuracy: 0.7,
    mean_margin: 0.1,
    layers: 2,
    units: 4,
    constant_units: 1,
    top1: null,
    top5: null,
  };
}

const unit = (model: string, layer: string, number: number, mis: number): UnitPoint => ({
  model,
  encoder: 'e',
  layer,
  layer_type: 'conv',
  unit: number,
  relative_depth: layer === 'a' ? 0 : 1,
  relative_width: 1,
  mis,
});

const data: FigureData = {
  models: [row('net', 0.7), row('other', 0.6), row('lone', 0.9)],
  layers: [],
  units: [
    unit('net', 'a', 0, 0.7),
    unit('net', 'a', 1, 0.9),
    unit('net', 'b', 0, 0.5),
    unit('net', 'b', 2, 0.5),
  ],
  tasks: [],
  encoders: ['e'],
  training: {
    checkpoints: [
      { model: 'net', run: 'r', epoch: 8 },
      { model: 'net-0', run: 'r', epoch: 0 },
      { model: 'net-1', run: 'r', epoch: 0.9 },
      { model: 'net-2', run: 'r', epoch: 2 },
      { model: 'other', run: 's', epoch: 3 },
      { model: 'other-0', run: 's', epoch: 0 },
      { model: 'dead', run: 't', epoch: 0 },
      { model: 'lone', run: 't', epoch: 5 },
    ],
    models: [
      row('net-0', 0.5),
      row('net-1', 0.55),
      row('net-2', 0.6),
      row('other-0', 0.65),
      row('dead', null),
    ],
    units: [
      unit('net-0', 'a', 0, 0.6),
      unit('net-0', 'a', 1, 0.5),
      unit('net-0', 'b', 0, 0.6),
      unit('net-1', 'a', 0, 0.5),
    ],
  },
  bootstrap: { resamples: 100, seed: 1 },
};

describe('training', () => {
  it('shows the states of watched runs by epoch; a run of two states is for `untrained`', () => {
    const { table, columns } = training.make(data)!;
    expect(table.map(({ run, epoch, mis }) => [run, epoch, mis])).toEqual([
      ['r', 0, 0.5],
      ['r', 0.9, 0.55],
      ['r', 2, 0.6],
      ['r', 8, 0.7],
    ]);
    expect(table[0]!.units).toBe(3);
    expect(columns).not.toContain('encoder');
  });

  it('shows runs of two states where there are no others, and nothing without states', () => {
    const states = data.training!.checkpoints.filter(({ run }) => run === 's');
    const few = { ...data, training: { ...data.training!, checkpoints: states } };
    expect(training.make(few)!.table.map((line) => line.model)).toEqual(['other-0', 'other']);
    expect(training.make({ ...data, training: undefined })).toBeUndefined();
  });

  it('leaves room between the epochs at the axis, and keeps the first and the last', () => {
    const epochs = [0, 0.1, 0.11, 0.5, 1, 7.9, 8];
    expect(tickEpochs(epochs, 0.1)).toEqual([0, 0.1, 0.5, 1, 8]);
    expect(tickEpochs([3], 3)).toEqual([3]);
  });
});

describe('untrained', () => {
  it('says in how many networks the trained score is above, whichever way', () => {
    const { table, caption } = untrained.make(data)!;
    expect(table.map(({ model, untrained: before, difference }) => [model, before, difference])).toEqual([
      ['net', 'net-0', expect.closeTo(0.2, 12)],
      ['other', 'other-0', expect.closeTo(-0.05, 12)],
    ]);
    expect(caption).toContain('scores higher in 1 of 2');
    expect(caption).toContain(
      "intervals don't overlap in 1 of these and, the other way round, in 1 of the others",
    );
  });
});

describe('training-layers', () => {
  const { table } = trainingLayers.make(data)!;
  const of = (from: number, to: number) =>
    table
      .filter((line) => line.from_epoch === from && line.to_epoch === to)
      .map(({ layer, change, units }) => [layer, change, units]);

  it('is the mean of the units’ own differences, over units with both scores', () => {
    expect(of(0, 8)).toEqual([
      ['a', expect.closeTo((0.1 + 0.4) / 2, 12), 2],
      ['b', expect.closeTo(-0.1, 12), 1],
    ]);
  });

  it('adds the state nearest to one epoch', () => {
    expect(of(0, 0.9)).toEqual([['a', expect.closeTo(-0.1, 12), 1]]);
    expect(of(0.9, 8)).toEqual([['a', expect.closeTo(0.2, 12), 1]]);
    expect(table.length).toBe(4);
  });
});
