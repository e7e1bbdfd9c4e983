import { beforeAll, describe, expect, test } from 'vitest';
import { planAndRun } from '../support/plan-and-run.ts';
import { type SmallProject, smallProject } from '../support/small.ts';

let project: SmallProject;
beforeAll(async () => {
  project = await smallProject();
  expect((await project.run(...project.config)).end).toMatchObject({ hit: 0, failed: 0, blocked: 0 });
}, 120_000);

const run = () => planAndRun(project, ...project.config);
const why = async (stage: string) => (await project.mis('why', stage, ...project.config)).stdout;

describe('what runs again after a change of code', { timeout: 120_000 }, () => {
  test('comments, white space and types: nothing', async () => {
    for (const file of [
      'stages/cache-activations/cache.ts',
      'stages/score-mis/score.ts',
      'stages/index-dataset/index.ts',
      'tables/arrow.ts',
      'stats/random.ts',
      'common/json.ts',
    ])
      project.write(
        file,
        `// A remark.\n${project.read(file)}\n\n/** Another. */\nexport type Unused = string;\n`,
      );
    expect((await run()).tasks('ran')).toEqual([]);
  });

  test('a constant that leaves the output as it was: the stage, and nothing after it', async () => {
    project.edit('stages/select-explanations/run.ts', 'const MEMORY = 512 *', 'const MEMORY = 511 *');
    expect((await run()).tasks('ran')).toEqual(['select-explanations model=resnet']);
    expect(await why('select-explanations')).toMatch(
      /code stages\/select-explanations\/run\.ts: [0-9a-f]{12} → [0-9a-f]{12}\n/,
    );
  });

  test('a constant in a helper: the stages that import it, and what follows', async () => {
    project.edit('stats/random.ts', '0x9e3779b9', '0x9e3779bb');
    expect((await run()).tasks('ran')).toEqual([
      'compute-similarity model=resnet encoder=simclr',
      'report',
      'score-mis model=resnet encoder=simclr',
      'select-explanations model=resnet',
    ]);
    expect(await why('select-explanations')).toMatch(/code stats\/random\.ts: [0-9a-f]{12} → [0-9a-f]{12}\n/);
    expect(await why('compute-similarity')).toMatch(/from select-explanations:[\s\S]*code stats\/random\.ts/);
  });

  test('a constant of the last stage: the report', async () => {
    project.edit('stages/report/summary.ts', "'Top-1'", "'Top 1'");
    expect((await run()).tasks('ran')).toEqual(['report']);
    expect(project.read('report/summary.txt')).toContain('Top 1');
  });

  test('a stage that does not compile is told in one paragraph, and nothing runs', async () => {
    const whole = project.read('stages/score-mis/score.ts');
    project.write('stages/score-mis/score.ts', `${whole}\nexport const = ;\n`);
    const { code, stderr } = await project.mis('run', ...project.config);
    expect(code).toBe(1);
    expect(stderr).toContain('stages/score-mis/score.ts');
    expect(stderr).not.toMatch(/^\s+at /m);
    project.write('stages/score-mis/score.ts', whole);
    expect((await run()).tasks('ran')).toEqual([]);
  });
});
