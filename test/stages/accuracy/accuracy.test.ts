import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { isUserError } from '../../../common/errors.ts';
import stage from '../../../stages/accuracy/index.ts';
import { classMap } from '../../../stages/accuracy/labels.ts';
import { writePredictions } from '../../../tables/predictions.ts';
import { runStage, temporaryFolder } from '../../support/fake-task.ts';
import { somePaths, writeShards } from '../../support/shards.ts';

describe('classMap', () => {
  const mapped = (...given: Parameters<typeof classMap>) => {
    const map = classMap(...given);
    return 'classes' in map ? Object.fromEntries(map.classes) : map.reason;
  };

  it('takes whole numbers as indices', () => {
    expect(mapped(['3', '0', '11'], 12)).toEqual({ 0: 0, 3: 3, 11: 11 });
  });

  it('takes names in the order of the logits', () => {
    expect(mapped(['cat', 'ape'], 3, ['dog', 'cat', 'ape'])).toEqual({ cat: 1, ape: 2 });
    expect(mapped(['1', '0'], 2, ['1', '0'])).toEqual({ 1: 0, 0: 1 });
  });

  it('sorts the labels when there are as many as logits, by code unit', () => {
    expect(mapped(['b', 'a', 'Z'], 3)).toEqual({ Z: 0, a: 1, b: 2 });
  });

  it('says why it cannot', () => {
    expect(mapped(['b', 'a'], 3)).toMatch(/2 different names.*3 logits.*classes/);
  });

  it.each([
    [['12'], 12, undefined, /"12".*from 0 to 11/],
    [['cat', 'fish'], 2, ['dog', 'cat'], /"fish".*not among/],
    [['cat'], 3, ['dog', 'cat'], /lists 2 names.*3 logits/],
  ] as const)('refuses labels %j of %i logits with classes %j', (labels, logits, names, message) => {
    let error: unknown;
    try {
      classMap(labels, logits, names);
    } catch (thrown) {
      error = thrown;
    }
    expect(isUserError(error)).toBe(true);
    expect((error as Error).message).toMatch(message);
  });
});

describe('accuracy', () => {
  const paths = somePaths(8);
  const run = async (
    labels: readonly (string | null)[],
    logits: number[][],
    classes?: string[],
    shards = 3,
  ) => {
    const { images, files } = writeShards(
      temporaryFolder(),
      { paths, labels, shardOf: (position) => position % shards, shards },
      (file, names, positions) => {
        const writer = writePredictions(file, logits[0]!.length);
        writer.write(names, Float32Array.from(positions.flatMap((position) => logits[position]!)));
        writer.close();
      },
      { model: 'm' },
    );
    const done = await runStage(stage, {
      params: classes ? { classes } : {},
      inputs: { images, predictions: files.toReversed() },
    });
    return JSON.parse(readFileSync(done.output('accuracy'), 'utf8'));
  };
  /** Six logits whose order is `best`, best first. */
  const order = (best: number[]) => Array.from({ length: 6 }, (_, c) => -best.indexOf(c));
  const logits = [
    order([0, 1, 2, 3, 4, 5]),
    order([0, 1, 2, 3, 4, 5]),
    order([5, 4, 3, 2, 1, 0]),
    order([2, 4, 3, 5, 1, 0]),
    order([2, 4, 3, 5, 1, 0]),
    order([1, 0, 2, 3, 4, 5]),
    order([1, 0, 2, 3, 4, 5]),
    order([3, 0, 1, 2, 4, 5]),
  ];

  it('by hand: three of eight right at once, six among the best five', async () => {
    const labels = ['0', '5', '0', '2', '1', '1', '4', '0'];
    for (const shards of [1, 3, 12]) {
      expect(await run(labels, logits, undefined, shards)).toEqual({ top1: 3 / 8, top5: 6 / 8, n: 8 });
    }
  });

  it('counts labelled images only', async () => {
    expect(await run(['0', null, null, '2', null, '5', null, null], logits)).toEqual({
      top1: 2 / 3,
      top5: 2 / 3,
      n: 3,
    });
  });

  it('knows named classes', async () => {
    const classes = ['zero', 'one', 'two', 'three', 'four', 'five'];
    const labels = [0, 5, 0, 2, 1, 1, 4, 0].map((index) => classes[index]!);
    expect(await run(labels, logits, classes)).toEqual({ top1: 3 / 8, top5: 6 / 8, n: 8 });
  });

  it('says why there is none', async () => {
    const none = { top1: null, top5: null, n: 0 };
    expect(await run(Array(8).fill(null), logits)).toMatchObject({
      ...none,
      reason: expect.stringMatching(/no labels/),
    });
    expect(await run(Array(8).fill('cat'), logits)).toMatchObject({
      ...none,
      reason: expect.stringMatching(/1 different name/),
    });
    const done = await runStage(stage, { params: {}, inputs: {} });
    expect(JSON.parse(readFileSync(done.output('accuracy'), 'utf8'))).toMatchObject({
      ...none,
      reason: expect.stringMatching(/no logits/),
    });
  });
});
