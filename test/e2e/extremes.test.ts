import { statSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { planAndRun } from '../support/plan-and-run.ts';
import { type SmallProject, smallProject } from '../support/small.ts';

let project: SmallProject;
let few: string[];
const EXTREMES = ['--set', 'inference.store=extremes'];

beforeAll(async () => {
  project = await smallProject();
  few = [...project.config, '--set', 'task.n=2', '--set', 'task.k=2'];
  expect((await project.run(...few)).end).toMatchObject({ failed: 0, blocked: 0 });
}, 120_000);

async function bytes(): Promise<number> {
  const files = await project.paths('cache-activations', ...few);
  return files
    .filter(({ output }) => output === 'activations')
    .reduce((sum, { path }) => sum + statSync(path).size, 0);
}

describe('a store of extremes', { timeout: 120_000 }, () => {
  test('takes less room, and selects the same: nothing after the selection runs again', async () => {
    const whole = await bytes();
    const run = await planAndRun(project, ...few, ...EXTREMES);
    expect(run.tasks('ran')).toEqual([
      'cache-activations model=resnet shard=00',
      'cache-activations model=resnet shard=01',
      'cache-activations model=resnet shard=02',
      'select-explanations model=resnet',
    ]);
    few.push(...EXTREMES);
    expect(await bytes()).toBeLessThan(whole);
  });

  test('runs the model again for more images a side, not where the depth that it has is asked for', async () => {
    const depth = ['--set', 'inference.depth=6'];
    const fewer = await project.run('select-explanations', ...few, ...depth, '--set', 'task.n=1');
    expect(fewer.stages['cache-activations']).toEqual({ hit: 3, ran: 0 });
    expect(fewer.end).toMatchObject({ failed: 0, blocked: 0 });
    const more = await project.plan('cache-activations', ...few, '--set', 'task.n=3');
    expect(more.tasks.get('cache-activations model=resnet shard=00')).toBe('will-run');
  });

  test('says what depth another difficulty needs; a sweep over it goes on without', async () => {
    const harder = await project.mis('run', 'cache-activations', ...few, '--set', 'task.difficulty=0.1');
    expect(harder.code).toBe(1);
    expect(harder.stderr + harder.stdout).toMatch(
      /10 % of its images, rounded down, and n = 2 .*inference\.depth/,
    );
    const swept = await project.mis('sweep', ...few, 'task.difficulty=0.1');
    expect(swept.code, swept.stderr).toBe(0);
    expect(swept.stdout).toMatch(/not possible/);
  });
});
