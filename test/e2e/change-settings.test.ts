import { readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { planAndRun } from '../support/plan-and-run.ts';
import { addModel, type SmallProject, smallProject } from '../support/small.ts';

let project: SmallProject;
beforeAll(async () => {
  project = await smallProject();
  expect((await project.run(...project.config)).end).toMatchObject({ hit: 0, failed: 0, blocked: 0 });
}, 120_000);

/** What `mis why` says of the last run of a stage, without the settings that the run had. */
async function why(stage: string): Promise<string> {
  const { code, stdout, stderr } = await project.mis('why', stage, ...project.config);
  expect(stderr).toBe('');
  expect(code).toBe(0);
  return stdout;
}

describe('what runs again after a change of settings', { timeout: 120_000 }, () => {
  test('α: scoring and the report', async () => {
    const run = await planAndRun(project, ...project.config, '--set', 'score.alpha=0.3');
    expect(run.tasks('ran')).toEqual(['report', 'score-mis model=resnet encoder=simclr']);
    expect(await why('score-mis')).toMatch(/ran in \S+.*because\s+parameter score\.alpha: 0\.16 → 0\.3\n/);
    expect(await why('report')).toMatch(/score\.alpha: 0\.16 → 0\.3/);
  });

  test('N: selection and what follows', async () => {
    const run = await planAndRun(project, ...project.config, '--set', 'task.n=4');
    expect(run.tasks('ran')).toEqual([
      'compute-similarity model=resnet encoder=simclr',
      'report',
      'score-mis model=resnet encoder=simclr',
      'select-explanations model=resnet',
    ]);
    expect(await why('select-explanations')).toMatch(/parameter task\.n: 5 → 4\n/);
    expect(await why('compute-similarity')).toMatch(/from select-explanations:[\s\S]*task\.n: 5 → 4\n/);
  });

  test('back to what ran before: nothing', async () => {
    const run = await planAndRun(project, ...project.config);
    expect(run.tasks('ran')).toEqual([]);
  });

  test('how inference is done: nothing', async () => {
    const changes = [
      'inference.batch=7',
      'inference.threads=2',
      'inference.device=cpu',
      'inference.decoders=1',
    ];
    const run = await planAndRun(project, ...project.config, ...changes.flatMap((each) => ['--set', each]));
    expect(run.tasks('ran')).toEqual([]);
  });

  test('its precision: inference, and what then differs', async () => {
    const run = await planAndRun(project, ...project.config, '--set', 'inference.precision=float16');
    expect(run.stages['index-dataset']).toEqual({ hit: 1, ran: 0 });
    expect(run.stages['cache-activations']).toEqual({ hit: 0, ran: 3 });
    expect(run.stages['embed-images']).toEqual({ hit: 0, ran: 3 });
    expect(await why('cache-activations')).toMatch(/parameter inference\.precision: "float32" → "float16"\n/);
  });

  test('another number of shards: all that reads images, but no score, since the margins are the same', async () => {
    const run = await planAndRun(project, ...project.config, '--set', 'dataset.shards=4');
    expect(run.tasks('hit')).toEqual(['score-mis model=resnet encoder=simclr']);
    expect(await why('index-dataset')).toMatch(/parameter dataset\.shards: 3 → 4\n/);
  });

  test('one more model: its tasks and the report', async () => {
    addModel(project, 'vgg');
    const run = await planAndRun(project, ...project.config);
    expect(run.tasks('ran')).toEqual([
      'accuracy model=vgg',
      'cache-activations model=vgg shard=00',
      'cache-activations model=vgg shard=01',
      'cache-activations model=vgg shard=02',
      'compute-similarity model=vgg encoder=simclr',
      'report',
      'score-mis model=vgg encoder=simclr',
      'select-explanations model=vgg',
    ]);
    expect(await why('report')).toMatch(/model=vgg\) from score-mis: \(none\) → /);
  });

  test('the same model under another name: only the report knows of the name', async () => {
    addModel(project, 'resnet', 'twin');
    const run = await planAndRun(project, ...project.config);
    expect(run.tasks('ran')).toEqual(['report']);
    expect(project.read('report/tables/models.csv')).toMatch(/^twin,/m);
  });

  test('a model file written again with the same bytes: nothing; with others: what hangs on it', async () => {
    const file = project.path('demo/models/vgg.onnx');
    writeFileSync(file, readFileSync(file));
    utimesSync(file, 1e9, 1e9);
    expect((await planAndRun(project, ...project.config)).tasks('ran')).toEqual([]);

    const bytes = readFileSync(file);
    bytes[bytes.lastIndexOf('head.weight') + 100]! ^= 1;
    writeFileSync(file, bytes);
    const run = await planAndRun(project, ...project.config);
    expect(run.tasks('ran').every((task) => task === 'report' || task.includes('model=vgg'))).toBe(true);
    expect(run.stages).toMatchObject({
      'cache-activations': { ran: 3 },
      'score-mis': { ran: 1 },
      report: { ran: 1 },
    });
    expect(await why('cache-activations')).toMatch(
      /file model\.model \(.*vgg\.onnx\): [0-9a-f]{12} → [0-9a-f]{12}\n/,
    );
  });
});
