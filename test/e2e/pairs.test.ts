import { beforeAll, describe, expect, test } from 'vitest';
import { openTasks, readUnits } from '../../tables/scores.ts';
import { readUnitStats } from '../../tables/unit-stats.ts';
import { type SmallProject, smallProject } from '../support/small.ts';

let project: SmallProject;
const PREPROCESS = 'preprocess: { mean: [0.4914, 0.4822, 0.4465], std: [0.247, 0.2435, 0.2616] }';
const SAMPLE = 6;

beforeAll(async () => {
  project = await smallProject();
  project.write(
    'small/models/resnet.yaml',
    `${project.read('small/models/resnet.yaml')}directions: ../directions.yaml\n`,
  );
  project.write(
    'small/directions.yaml',
    '- { name: sae, layer: stages.2.0.conv2, file: ../demo/directions/resnet-sae.onnx }\n',
  );
  project.write(
    'small/pairs.yaml',
    `extends: config.yaml\nencoders:
  - ../configs/encoders/simclr.yaml
  - { name: dists, model: ../demo/encoders/dists.onnx, similarity: pairwise, sample: ${SAMPLE}, ${PREPROCESS} }\n`,
  );
  const { end } = await project.run('score-mis', 'score-pairs', '-c', 'small/pairs.yaml');
  expect(end).toMatchObject({ failed: 0, blocked: 0 });
}, 180_000);

const stored = async (stage: string, output: string, where: string) => {
  const found = await project.paths(stage, output, '-c', 'small/pairs.yaml', '--where', where);
  expect(found).toHaveLength(1);
  return found[0]!.path;
};

describe('a pairwise encoder beside one of embeddings, directions beside layers', {
  timeout: 120_000,
}, () => {
  test('a sample of the units is compared pair by pair, all of them by embeddings', async () => {
    const stats = await readUnitStats(await stored('select-explanations', 'unit-stats', 'model=resnet'));
    const scored = stats.constant.filter((constant) => !constant).length;
    const all = await readUnits(await stored('score-mis', 'units', 'encoder=simclr'));
    expect([all.count, all.drawnFrom]).toEqual([stats.count, undefined]);
    const some = await readUnits(await stored('score-pairs', 'units', 'encoder=dists'));
    expect([some.count, some.drawnFrom]).toEqual([SAMPLE, scored]);
    expect(some.mis.every((mis) => mis !== null && mis > 0 && mis < 1)).toBe(true);
    const tasks = await openTasks(await stored('score-pairs', 'tasks', 'encoder=dists'));
    expect(tasks.rows).toBe(SAMPLE * 5);
    await tasks.close();
  });

  test('directions are units of the model', async () => {
    const stats = await readUnitStats(await stored('select-explanations', 'unit-stats', 'model=resnet'));
    const rows = [...stats.layer.keys()].filter((row) => stats.layer[row] === 'sae');
    const read = stats.layer.indexOf('stages.2.0.conv2');
    expect(rows.length).toBe(512);
    for (const row of rows) {
      expect(stats.layer_type[row]).toBe('direction');
      expect(stats.relative_depth[row]).toBe(stats.relative_depth[read]);
    }
  });

  test('what a change of either makes run again', async () => {
    const running = async (...more: string[]) => {
      const { tasks } = await project.plan('score-mis', 'score-pairs', '-c', 'small/pairs.yaml', ...more);
      const names = [...tasks].filter(([, state]) => state !== 'hit').map(([name]) => name.split(' ')[0]!);
      return [...new Set(names)].sort();
    };
    expect(await running()).toEqual([]);
    project.edit('small/pairs.yaml', `sample: ${SAMPLE}`, 'sample: 7');
    expect(await running()).toEqual(['compare-pairs', 'score-pairs']);
    project.edit('small/pairs.yaml', 'sample: 7', `sample: ${SAMPLE}`);
    project.edit('small/directions.yaml', 'conv2,', 'conv2, per: pooled,');
    expect(await running()).toEqual([
      'cache-activations',
      'compare-pairs',
      'compute-similarity',
      'score-mis',
      'score-pairs',
      'select-explanations',
    ]);
  });
});
