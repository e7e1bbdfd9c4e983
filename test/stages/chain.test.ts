import { readFileSync } from 'node:fs';
import { tableFromIPC } from 'apache-arrow';
import { describe, expect, it } from 'vitest';
import similarity from '../../stages/compute-similarity/index.ts';
import score from '../../stages/score-mis/index.ts';
import selection from '../../stages/select-explanations/index.ts';
import { writeActivations } from '../../tables/activations.ts';
import { writeEmbeddings } from '../../tables/embeddings.ts';
import { runStage, temporaryFolder } from '../support/fake-task.ts';
import { INSTALL, pythonWith, runPython } from '../support/python.ts';
import { somePaths, writeShards } from '../support/shards.ts';

const [IMAGES, UNITS, D] = [300, 11, 16];
const TASK = { n: 6, k: 5, difficulty: 'easy', seed: 11 };
const ALPHA = 0.2;
const paths = somePaths(IMAGES);
const noise = (i: number) =>
  Math.sin(i * 12.9898) * 43_758.5453 - Math.floor(Math.sin(i * 12.9898) * 43_758.5453);

/** Embeddings cluster by four kinds of images; units answer to a kind more or less, in steps (ties), one not at all. */
const embedding = (image: number) =>
  Array.from({ length: D }, (_, d) => Math.fround((d % 4 === image % 4 ? 1 : 0) + noise(image * D + d)));
const activation = (image: number, unit: number) =>
  unit === 4
    ? 0.25
    : Math.fround(Math.round(20 * (noise(image * UNITS + unit) + (image % 4 === unit % 4 ? unit : 0) / 10)));

/** Selection, comparison and scores over the data set in so many shards. */
async function run(shards: number) {
  const data = { paths, shardOf: (image: number) => (image * 31) % shards, shards };
  const layers = [
    { name: 'a', type: 'conv', op: 'Conv', tensor: 'a', units: 5, depth: 0 },
    { name: 'b', type: 'linear', op: 'Gemm', tensor: 'b', units: 6, depth: 1 },
  ];
  const cached = writeShards(temporaryFolder(), data, (file, names, images) => {
    const writer = writeActivations(file, layers);
    const block = (from: number, units: number) =>
      Float32Array.from(
        images.flatMap((image) => Array.from({ length: units }, (_, u) => activation(image, from + u))),
      );
    writer.write(names, [block(0, 5), block(5, 6)]);
    writer.close();
  });
  const embedded = writeShards(temporaryFolder(), data, (file, names, images) => {
    const writer = writeEmbeddings(file, D);
    writer.write(names, Float32Array.from(images.flatMap(embedding)));
    writer.close();
  });
  const { images } = cached;
  const chosen = await runStage(selection, { params: TASK, inputs: { images, activations: cached.files } });
  const explanations = { path: chosen.output('explanations') };
  const compared = await runStage(similarity, {
    params: { similarity: 'cosine' },
    inputs: { images, explanations, embeddings: embedded.files },
  });
  const scored = await runStage(score, {
    params: { similarity: 'cosine', alpha: ALPHA, seed: 11, bootstrap: 200 },
    inputs: {
      explanations,
      'unit-stats': { path: chosen.output('unit-stats') },
      margins: { path: compared.output('margins') },
    },
  });
  return { units: readFileSync(scored.output('units')), tasks: readFileSync(scored.output('tasks')) };
}

const python = pythonWith('numpy');

describe('from activations and embeddings to scores', () => {
  it('gives the same bytes whatever the shards', async () => {
    const one = await run(1);
    expect(await run(4)).toEqual(one);
    expect(await run(17)).toEqual(one);
  });

  it.skipIf(!python)(`gives what an independent program does (${INSTALL})`, async () => {
    const { units, tasks } = await run(3);
    const program = `
import sys, json, numpy as np
g = json.load(sys.stdin)
N, K = g['n'], g['k']
order = np.array(sorted(range(len(g['paths'])), key=lambda i: g['paths'][i]))
a = np.array(g['activations'])[order]
e = np.array(g['embeddings'])[order]
e /= np.linalg.norm(e, axis=1, keepdims=True)
scores, problems = [], []
for u in range(a.shape[1]):
    rows = [t for t in g['tasks'] if t['row'] == u]
    if a[:, u].max() - a[:, u].min() < 1e-8:
        scores.append(None)
        if rows: problems.append('tasks of a constant unit')
        continue
    for side, sign in (('plus', -1), ('minus', 1)):
        ranked = np.lexsort((np.arange(len(a)), -a[:, u]))[::-sign]
        for j in range(K):
            if {r['references_' + side][j] for r in rows} != set(ranked[j * N:(j + 1) * N].tolist()):
                problems.append(f'unit {u} {side} bin {j}')
        if {r['query_' + side] for r in rows} != set(ranked[K * N:(K + 1) * N].tolist()):
            problems.append(f'unit {u} {side} queries')
    p = []
    for r in rows:
        f = lambda q, refs: np.mean([e[q] @ e[i] for i in refs])
        delta = lambda q: f(q, r['references_plus']) - f(q, r['references_minus'])
        p.append(1 / (1 + np.exp(-(delta(r['query_plus']) - delta(r['query_minus'])) / g['alpha'])))
    scores.append(float(np.mean(p)))
print(json.dumps({'scores': scores, 'problems': problems}))`;
    const table = tableFromIPC(tasks)
      .toArray()
      .map((row) => JSON.parse(JSON.stringify(row)));
    const { scores, problems } = runPython<{ scores: (number | null)[]; problems: string[] }>(
      python!,
      program,
      {
        ...TASK,
        alpha: ALPHA,
        paths,
        activations: paths.map((_, image) =>
          Array.from({ length: UNITS }, (_, unit) => activation(image, unit)),
        ),
        embeddings: paths.map((_, image) => embedding(image)),
        tasks: table.map((row) => ({ ...row, row: row.unit + (row.layer === 'b' ? 5 : 0) })),
      },
    );
    expect(problems).toEqual([]);
    const found: (number | null)[] = tableFromIPC(units)
      .toArray()
      .map((row) => row.mis);
    expect(found.length).toBe(UNITS);
    expect(found[4]).toBeNull();
    found.forEach((mis, unit) => {
      if (scores[unit] === null) expect(mis).toBeNull();
      else expect(mis).toBeCloseTo(scores[unit]!, 12);
    });
    const [weakest, strongest] = [found[0]!, found[10]!];
    expect(strongest).toBeGreaterThan(weakest + 0.1);
  });
});
