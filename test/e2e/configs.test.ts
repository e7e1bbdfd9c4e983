import { readdirSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { copyProject, type Project } from '../support/project.ts';
import { writeStubs } from '../support/stubs.ts';

let project: Project;
beforeAll(async () => {
  project = await copyProject();
  writeStubs(project);
}, 60_000);

/** Names of the tasks that a dry run plans for a stage. */
async function planned(config: string, stage: string): Promise<string[]> {
  const { code, stderr, tasks } = await project.plan('-c', `configs/${config}.yaml`);
  expect(stderr, config).toBe('');
  expect(code, config).toBe(0);
  return [...tasks.keys()].filter((task) => task.startsWith(`${stage} `));
}

describe("the paper's configs", { timeout: 60_000 }, () => {
  test.each([
    ['imagenet', 1],
    ['imi', 9],
    ['timm', 2],
  ])('%s.yaml: every key is known, every value fits, every file is found', async (config, models) => {
    expect(await planned(config, 'accuracy')).toHaveLength(models);
  });

  test('training.yaml: a trained network and its earlier states', async () => {
    const states = readdirSync(project.path('configs/training/epochs')).length;
    expect(await planned('training', 'select-explanations')).toHaveLength(1 + states);
  });

  test('paths can be given on the command line', async () => {
    const { code, stdout } = await project.mis(
      ...[
        'config',
        '-c',
        'configs/imagenet.yaml',
        '--set',
        'dataset.path=/data/set',
        '--set',
        'dataset.split=val',
      ],
    );
    expect(code).toBe(0);
    expect(stdout).toMatch(/path: \/data\/set\n/);
    expect(stdout).toMatch(/split: val\n/);
    expect(stdout).toMatch(/alpha: 0\.16\n/);
  });
});
