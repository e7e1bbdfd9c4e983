import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { tableFromIPC } from 'apache-arrow';
import { describe, expect, it } from 'vitest';
import stage from '../../../stages/compute-similarity/index.ts';
import { unitTable } from '../../../stages/select-explanations/units.ts';
import { writeEmbeddings } from '../../../tables/embeddings.ts';
import { writeExplanations } from '../../../tables/explanations.ts';
import { openMargins } from '../../../tables/margins.ts';
import { drawUnits } from '../../../tables/unit-sample.ts';
import { writeUnitStats } from '../../../tables/unit-stats.ts';
import { runStage, temporaryFolder } from '../../support/fake-task.ts';
import { INSTALL, pythonWith, runPython } from '../../support/python.ts';
import { somePaths, writeShards } from '../../support/shards.ts';

const [IMAGES, D, UNITS, N, K] = [60, 7, 9, 3, 2];
const paths = somePaths(IMAGES);
const number = new Map(paths.toSorted((a, b) => (a < b ? -1 : 1)).map((path, i) => [path, i]));
const noise = (i: number) => Math.fround(Math.sin(i * 12.9898) * 3);

type Vector = (position: number) => readonly number[];
const vectorOf: Vector = (position) => Array.from({ length: D }, (_, d) => noise(position * D + d));

function write(shards: number, vector: Vector = vectorOf) {
  const images = { paths, shardOf: (position: number) => (position * 5) % shards, shards };
  return writeShards(
    temporaryFolder(),
    images,
    (file, names, positions) => {
      const writer = writeEmbeddings(file, D);
      writer.write(names, Float32Array.from(positions.flatMap(vector)));
      writer.close();
    },
    { encoder: 'e' },
  );
}

/** Tasks over the images 0 … 49, in two batches; the last ten images are never shown. */
function explanations(): string {
  const path = join(temporaryFolder(), 'explanations');
  const writer = writeExplanations(path, { tasks: N, references: K, images: IMAGES });
  for (const [from, to] of [
    [0, 5],
    [5, UNITS],
  ] as const) {
    const rows = Array.from({ length: (to - from) * N }, (_, i) => ({
      unit: from + Math.floor(i / N),
      task: i % N,
    }));
    const pick = (part: number, length = 1) =>
      Int32Array.from(
        rows.flatMap(({ unit, task }) =>
          Array.from({ length }, (_, j) => (unit * 3 + task * 2 + part + j * 5) % 50),
        ),
      );
    writer.write({
      layer: rows.map(() => 'layer'),
      unit: rows.map(({ unit }) => unit),
      task: rows.map(({ task }) => task),
      query_plus: pick(1),
      query_minus: pick(29),
      references_plus: pick(11, K),
      references_minus: pick(38, K),
    });
  }
  writer.close();
  return path;
}

async function compare(shards: number, similarity: string, vector?: Vector) {
  const { images, files } = write(shards, vector);
  const inputs = { images, embeddings: files.toReversed(), explanations: { path: explanations() } };
  const run = await runStage(stage, { params: { similarity }, inputs });
  return readFileSync(run.output('margins'));
}

const python = pythonWith('numpy');

describe('compute-similarity', () => {
  it.skipIf(!python).each(['cosine', 'squared-euclidean'])(
    `%s: gives what numpy gives over all pairs (${INSTALL})`,
    async (similarity) => {
      const table = tableFromIPC(await compare(3, similarity)).toArray();
      const tasks = tableFromIPC(readFileSync(explanations())).toArray();
      const vectors: number[][] = [];
      paths.forEach((path, position) => {
        vectors[number.get(path)!] = [...vectorOf(position)];
      });
      const program = `
import sys, json, numpy as np
given = json.load(sys.stdin)
e = np.array(given['vectors'])
if given['similarity'] == 'cosine':
    n = e / np.linalg.norm(e, axis=1, keepdims=True)
    f = n @ n.T
else:
    f = -((e[:, None] - e[None]) ** 2).sum(-1)
out = []
for qp, qm, rp, rm in given['tasks']:
    s = [f[qp, rp].mean(), f[qp, rm].mean(), f[qm, rp].mean(), f[qm, rm].mean()]
    out.append(s + [s[0] - s[1] - s[2] + s[3]])
print(json.dumps(out))`;
      const expected = runPython<number[][]>(python!, program, {
        similarity,
        vectors,
        tasks: tasks.map((t) => [
          t.query_plus,
          t.query_minus,
          [...t.references_plus],
          [...t.references_minus],
        ]),
      });
      expect(table.length).toBe(UNITS * N);
      table.forEach((row, i) => {
        expect([row.layer, row.unit, row.task]).toEqual(['layer', Math.floor(i / N), i % N]);
        const found = [row.s_plus_plus, row.s_plus_minus, row.s_minus_plus, row.s_minus_minus, row.margin];
        found.forEach((value, j) => {
          expect(value).toBeCloseTo(expected[i]![j]!, 11);
        });
      });
    },
  );

  it('sends pairwise encoders to the stage that is for them', async () => {
    await expect(compare(1, 'pairwise')).rejects.toMatchObject({
      name: 'UserError',
      message: expect.stringMatching(/belongs to compare-pairs/),
    });
  });

  it('compares a sample of the units: those that are drawn, as they are without', async () => {
    const { images, files } = write(2);
    const file = join(temporaryFolder(), 'unit-stats');
    const { stats, set } = unitTable([
      { name: 'layer', type: 'conv', op: 'Conv', tensor: 't', units: UNITS, depth: 0 },
    ]);
    for (let row = 0; row < UNITS; row++) set(row, { min: 0, max: 1, mean: 0, sd: 1 });
    writeUnitStats(file, stats);
    const inputs = {
      images,
      embeddings: files,
      explanations: { path: explanations() },
      'unit-stats': { path: file },
    };
    const margins = async (params: object) => {
      const run = await runStage(stage, { params: { similarity: 'cosine', ...params }, inputs });
      const { sample, close } = await openMargins(run.output('margins'));
      await close();
      const rows = tableFromIPC(readFileSync(run.output('margins'))).toArray();
      return { sample, rows: rows.map((row) => JSON.stringify(row)), units: rows.map(({ unit }) => unit) };
    };
    const all = await margins({});
    const some = await margins({ sample: 4, seed: 5 });
    const drawn = [...drawUnits(stats, 4, 5)!];
    expect(some.sample).toBe(4);
    expect([...new Set(some.units)]).toEqual(drawn);
    expect(some.rows).toEqual(all.rows.filter((_, i) => drawn.includes(all.units[i]!)));
    expect(await margins({ sample: UNITS })).toEqual(all);
  });

  it('puts out the same bytes for any number of shards', async () => {
    const one = await compare(1, 'cosine');
    for (const shards of [2, 4, 61]) expect(await compare(shards, 'cosine')).toEqual(one);
  });

  it('names the image whose embedding is zero (cosine only) or not finite, if a task shows it', async () => {
    const shown = paths.findIndex((path) => number.get(path) === 12);
    const hidden = paths.findIndex((path) => number.get(path) === 55);
    const odd = (at: number, value: number): Vector => {
      return (position) => (position === at ? new Array(D).fill(value) : vectorOf(position));
    };
    for (const value of [0, Number.NaN, Number.POSITIVE_INFINITY]) {
      const error = { name: 'UserError', message: expect.stringContaining(paths[shown]!) };
      await expect(compare(2, 'cosine', odd(shown, value))).rejects.toMatchObject(error);
      await expect(compare(2, 'cosine', odd(hidden, value))).resolves.toBeDefined();
    }
    await expect(compare(2, 'squared-euclidean', odd(shown, 0))).resolves.toBeDefined();
  });

  it('takes a known similarity, and nothing else', () => {
    expect(stage.params.safeParse({ similarity: 'lpips' }).success).toBe(false);
    expect(stage.params.safeParse({ similarity: 'cosine', k: 1 }).success).toBe(false);
  });
});
