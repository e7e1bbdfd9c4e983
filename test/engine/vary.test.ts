import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type GraphOptions, loadSpec, withContext, withSpec } from '../../engine/cli/context.ts';
import { dag } from '../../engine/cli/dag.ts';
import { path } from '../../engine/cli/path.ts';
import { status } from '../../engine/cli/status.ts';
import { sweepSpec } from '../../engine/cli/sweep-spec.ts';
import { why } from '../../engine/cli/why.ts';
import { survey } from '../../engine/plan/survey.ts';
import { taskName } from '../../engine/plan/task.ts';
import { toJson } from '../../engine/spec/node.ts';
import { valuesIn } from '../../engine/spec/ranges.ts';
import { parseYamlValue } from '../../engine/spec/yaml-file.ts';
import { dryAndWet, mistake, printed, put } from './in-process.ts';
import { type Project, project } from './support.ts';

const CONFIG = 'configs/default.yaml';
const PIPELINE = 'pipeline.yaml';
const folder = process.cwd();
let toy: Project;
let options: GraphOptions;

beforeAll(async () => {
  toy = project('sweep');
  process.chdir(toy.dir);
  options = { store: toy.path('store') };
  await dryAndWet(options);
});
afterAll(() => process.chdir(folder));

/** The tasks of a sweep, without running it, and what a person is told. */
async function tasksOf(settings: string[], given: { only?: string[]; grid?: boolean } = {}) {
  const { spec, stage } = sweepSpec(await loadSpec(options), {
    grid: false,
    only: [],
    to: 'x',
    ...given,
    settings,
  });
  return withSpec(spec, options, [stage.name], async ({ pipeline, stages, store, notes }) => {
    const surveyed = await survey(pipeline, stages, store);
    const tasks = surveyed.flatMap(({ stage: { spec: of }, tasks }) =>
      tasks.map(({ vars }) => taskName(of.name, vars)),
    );
    return { tasks, notes: notes.map(({ message }) => message) };
  });
}

describe('values of a setting', () => {
  const values = (text: string) => valuesIn(parseYamlValue('values', text, '.')).map(toJson);
  it('are values, lists and ranges', () => {
    expect(values('5')).toEqual([5]);
    expect(values('[1, easy, 3..5, true]')).toEqual([1, 'easy', 3, 4, 5, true]);
    expect(values('-1..1')).toEqual([-1, 0, 1]);
    expect(values('1..20..5')).toEqual([1, 6, 11, 16]);
    expect(values('0.04:0.64:log5')).toEqual([0.04, 0.08, 0.16, 0.32, 0.64]);
    expect(values('10:0.1:log3')).toEqual([10, 1, 0.1]);
    expect(values('0:1:lin5')).toEqual([0, 0.25, 0.5, 0.75, 1]);
    expect(values('1.5..2')).toEqual(['1.5..2']);
  });
  it('ranges that hold nothing or far too much are told', () => {
    for (const text of ['3..1', '1..9..0', '0:1:log3', '1:2:lin1', 'a:b:lin3', '1..1000000'])
      expect(() => values(text), text).toThrow(/values:1:1: /);
  });
});

describe('a sweep', () => {
  it('has the tasks that a setting changes, and what they need', async () => {
    const { tasks } = await tasksOf(['score.alpha=1,2'], { only: ['encoder=x'] });
    expect(tasks).toEqual([
      'pick model=a',
      'score model=a encoder=x',
      'score model=a encoder=x setting=score.alpha=2',
      'sweep',
    ]);
  });
  it('as a grid combines values; a stage is known by the part of a setting that concerns it', async () => {
    const { tasks } = await tasksOf(['score.alpha=1,2', 'task.n=2,3'], { only: ['encoder=x'], grid: true });
    expect(tasks).toEqual([
      'pick model=a',
      'pick model=a setting=task.n=3',
      'score model=a encoder=x',
      'score model=a encoder=x setting=score.alpha=2',
      'score model=a encoder=x setting=task.n=3',
      'score model=a encoder=x setting=score.alpha=2,task.n=3',
      'sweep',
    ]);
  });
  it('tells of settings that change nothing', async () => {
    const { tasks, notes } = await tasksOf(['score.alpha=2,3', 'task.n=2'], { only: ['encoder=y'] });
    expect(tasks).toEqual(['pick model=a', 'score model=a encoder=y', 'sweep']);
    expect(notes).toEqual(["score.alpha changes nothing that it takes, so it isn't varied."]);
  });
  it('tells mistakes', async () => {
    const told = async (settings: string[], given = {}) =>
      tasksOf(settings, given).then(
        () => 'no complaint',
        (error: Error) => error.message,
      );
    expect(await told(['task.m=3'])).toMatch(
      /mis sweep task.m=3\n +\^+\n +Did you mean task.n\? Known here: task.n, task.hard, score.alpha\./,
    );
    expect(await told(['task.n=much'])).toMatch(/task.n can't be "much"\n {2}mis sweep task.n=much/);
    expect(await told(['encoders.x.alpha=3'])).toContain('leads into a list');
    expect(await told(['task.n'])).toContain('KEY=VALUES, for example task.n=1..20');
    expect(await told([], { only: ['model=c'] })).toContain('there is no model "c"');
    expect(await told([], { only: ['modell=a'] })).toContain('Did you mean model?');
    expect(await told([], { stage: 'report' })).toContain('No stage "report" varies');
  });
  it('needs a stage that varies', async () => {
    const plain = await loadSpec({ pipeline: toy.path('plain.yaml') }).catch(() => undefined);
    expect(plain).toBeUndefined();
    toy.write('plain.yaml', toy.read(PIPELINE).split('  sweep:')[0]!);
    toy.write('plain-config.yaml', toy.read(CONFIG).split('sweep:')[0]!);
    const spec = await loadSpec({
      pipeline: toy.path('plain.yaml'),
      config: [toy.path('plain-config.yaml')],
    });
    expect(() => sweepSpec(spec, { settings: [], only: [], grid: false, to: 'x' })).toThrow(
      /No stage of .* varies/,
    );
  });
});

describe('commands on tasks at settings', () => {
  it('status, dag, path, why', async () => {
    expect(await printed(() => status(options))).toContain(
      'score                  9 of 9 up to date, with 3 settings',
    );
    expect(await printed(() => dag('text', options))).toContain('● pick    4/4 × 2 settings');
    const where = ['setting=task.n=3', 'encoder=x'];
    const found = JSON.parse(
      await printed(() => path('score', undefined, { ...options, where, json: true })),
    );
    expect(found.vars).toEqual({ model: 'a', encoder: 'x', setting: 'task.n=3' });
    expect((await printed(() => path('score', undefined, options))).trim().split('\n')).toHaveLength(4);
    toy.edit(CONFIG, 'score: {alpha: 1}', 'score: {alpha: 4}');
    const lines = (await printed(() => why('sweep', options))).split('\n');
    toy.edit(CONFIG, 'score: {alpha: 4}', 'score: {alpha: 1}');
    expect(lines[0]).toMatch(/sweep: 1 task will run unless what comes before puts out the same/);
  });
});

describe('foreach with lists and a filter', () => {
  const names = (config: Record<string, string | ((text: string) => string)>) => mistake(config, {}, 'sweep');
  it('an element of two lists is told with both places', async () => {
    const twice = put('encoders:\n', 'checkpoints: [{name: a, text: x}]\nencoders:\n');
    expect(await names({ [CONFIG]: twice })).toMatch(
      /default.yaml:4:22: "a" is an element of two lists.*\n.*\n.*\n.*default.yaml:2:12/,
    );
  });
  it('keys of elements are known over both lists, and not needed where the filter leaves them out', async () => {
    const unknown = put('encoders:\n', 'checkpoints: [{name: c, txt: x}]\nencoders:\n');
    expect(await names({ [CONFIG]: unknown })).toMatch(/unknown key "txt"[\s\S]*Did you mean text\?/);
  });
  it('an optional list may be absent, and settings may be: such a stage has no tasks', async () => {
    const optional = (text: string) =>
      text.replace('  pair:\n    uses: ./stages/score\n    foreach:\n      model: ${models}', (head) =>
        head.replace('${models}', '{in: "${checkpoints}", optional: true}'),
      );
    toy.write('optional.yaml', optional(toy.read(PIPELINE)));
    toy.write('plain-config.yaml', toy.read(CONFIG).split('sweep:')[0]!);
    const counts = await withContext(
      { ...options, pipeline: toy.path('optional.yaml'), config: [toy.path('plain-config.yaml')] },
      [],
      async ({ stages }) => stages.map(({ spec, combinations }) => [spec.name, combinations.length]),
    );
    expect(Object.fromEntries(counts)).toEqual({ pick: 2, score: 4, pair: 0, report: 1, sweep: 0 });
  });
  it('a filter may leave nothing; all lists empty is an error', async () => {
    toy.write('none.yaml', 'extends: configs/default.yaml\nencoders: [{name: z, similarity: pairwise}]\n');
    const tasks = await withContext(
      { ...options, config: [toy.path('none.yaml')] },
      ['report'],
      async ({ stages }) => stages.map(({ spec, combinations }) => [spec.name, combinations.length]),
    );
    expect(tasks).toEqual([
      ['pick', 2],
      ['score', 0],
      ['pair', 2],
      ['report', 1],
    ]);
    expect(
      await names({
        [CONFIG]: put(
          'models:\n  - {name: a, text: one two three four five}\n  - {name: b, text: six seven eight nine ten eleven}\n',
          '',
        ),
      }),
    ).toContain('missing key "models"');
  });
  it('mistakes in the pipeline', async () => {
    expect(
      await names({
        [PIPELINE]: put('where: {similarity: [cosine, squared-euclidean]}', 'wher: {similarity: cosine}'),
      }),
    ).toContain('unknown key "wher"');
    expect(
      await names({
        [PIPELINE]: put(
          'encoder: {in: "${encoders}", where: {similarity: pairwise}}',
          'encoder: "${others}"',
        ),
      }),
    ).toContain('"encoder" runs over others here, but over encoders at pipeline.yaml');
    expect(await names({ [PIPELINE]: put('only: {model:', 'only: {modl:') })).toContain(
      'runs over lists of the config as "modl"',
    );
    expect(
      await names({
        [PIPELINE]: (text) =>
          `${text}  more:\n    uses: ./stages/table\n    vary: {settings: "\${sweep.settings}"}\n    with: {n: 1}\n    needs: {scores: "\${sweep.table}"}\n`,
      }),
    ).toContain('stage sweep, which this one needs, varies itself');
  });
});
