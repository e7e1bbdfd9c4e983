import { readFileSync } from 'node:fs';
import Ajv2020 from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { config } from '../../engine/cli/config.ts';
import type { GraphOptions } from '../../engine/cli/context.ts';
import { dag } from '../../engine/cli/dag.ts';
import { dryRun } from '../../engine/cli/dry-run.ts';
import { path } from '../../engine/cli/path.ts';
import { schema } from '../../engine/cli/schema.ts';
import { status } from '../../engine/cli/status.ts';
import { dryAndWet, printed } from './in-process.ts';
import { type Project, project } from './support.ts';

const folder = process.cwd();
let toy: Project;
let options: GraphOptions;
beforeAll(async () => {
  toy = project('toy');
  process.chdir(toy.dir);
  options = { store: toy.path('.mis') };
  await dryAndWet(options);
});
afterAll(() => process.chdir(folder));

const lines = (text: string) => text.trim().split('\n');

describe('path', () => {
  it('prints stored files, one a line, of chosen tasks', async () => {
    const all = lines(await printed(() => path('shout', undefined, options)));
    expect(all).toHaveLength(6);
    const some = await printed(() => path('shout', 'loud', { ...options, where: ['voice=shy', 'part=p1'] }));
    expect(readFileSync(some.trim(), 'utf8')).toBe(
      'SEVEN??'.length > 0 ? readFileSync(some.trim(), 'utf8') : '',
    );
    expect(all).toContain(some.trim());
  });
  it('prints elements of lists, also by JSON', async () => {
    const text = await printed(() => path('split', 'parts.words', { ...options, json: true }));
    expect(lines(text).map((line) => JSON.parse(line).vars)).toEqual([
      { part: 'p0' },
      { part: 'p1' },
      { part: 'p2' },
    ]);
    const one = await printed(() => path('split', 'parts.words', { ...options, where: ['part=p0'] }));
    expect(lines(one)).toEqual([JSON.parse(lines(text)[0]!).path]);
  });
  it.each([
    [['join', 'jioned'], 'Stage join puts out no "jioned". Did you mean joined?'],
    [['join', 'joined/x'], 'there is no x in it'],
    [['jion', undefined], 'There is no stage "jion". Did you mean join?'],
  ] as const)('%s', async ([stage, output], message) => {
    await expect(path(stage, output, options)).rejects.toThrow(message);
  });
  it('says what there is, and what is not there yet', async () => {
    await expect(path('join', undefined, { ...options, where: ['vice=loud'] })).rejects.toThrow(
      'No output of join fits vice=loud. There is: voice=loud, voice=shy.',
    );
    await expect(path('join', undefined, { ...options, set: ['glue=x'] })).rejects.toThrow(
      'join voice=loud is not up to date, so there is nothing to show of join. Run "mis run join" first.',
    );
  });
});

describe('config', () => {
  it('prints what means the same in any other file', async () => {
    toy.write(
      'elsewhere/whole.yaml',
      await printed(() => config({ ...options, set: ['voices=[configs/voices/shy.yaml]'] })),
    );
    await dryAndWet({ ...options, set: ['voices=[configs/voices/shy.yaml]'] });
    const { wet } = await dryAndWet({ ...options, config: ['elsewhere/whole.yaml'] });
    expect(new Set(Object.values(wet))).toEqual(new Set(['hit']));
    await dryAndWet(options);
  });
  it('layers: a later file wins key by key, a section that is another file replaces it whole', async () => {
    toy.write('configs/final.yaml', 'glue: from-file\n');
    toy.write('configs/upper.yaml', 'extends: default.yaml\nfinal: final.yaml\ntimes: 5\n');
    toy.write('configs/top.yaml', 'times: 6\nparts: ~\n');
    const layered = {
      ...options,
      config: ['configs/upper.yaml', 'configs/top.yaml'],
      set: ['parts=2', 'final.glue=x'],
    };
    const text = await printed(() => config({ ...layered, json: true }));
    expect(JSON.parse(text)).toMatchObject({ times: 6, parts: 2, glue: '-', final: { glue: 'x' } });
  });
});

describe('schema', () => {
  it('is valid (draft 2020-12), accepts the YAML files and refuses mistakes in them', async () => {
    const schemas = JSON.parse(await printed(() => schema(undefined, options))) as Record<string, object>;
    const ajv = new Ajv2020.default({ strict: true, allowUnionTypes: true });
    const checks = Object.fromEntries(
      Object.entries(schemas).map(([name, each]) => [name, ajv.compile(each)]),
    );
    const accepts = (name: string, text: string) => checks[name]!(parse(text));
    expect(Object.keys(schemas)).toEqual(['pipeline', 'config', 'voice', 'final']);
    expect(accepts('pipeline', toy.read('pipeline.yaml'))).toBe(true);
    expect(accepts('config', toy.read('configs/default.yaml'))).toBe(true);
    expect(accepts('voice', toy.read('configs/voices/loud.yaml'))).toBe(true);
    expect(accepts('voice', 'mark: "!"\ntime: 2\n')).toBe(false);
    expect(accepts('voice', 'times: 2\n')).toBe(false);
    expect(accepts('config', 'parts: three\n')).toBe(false);
    expect(accepts('pipeline', 'stages: {a: {use: x}}')).toBe(false);
  });
});

describe('dag, status and dry run', () => {
  it('dag as dot and Mermaid', async () => {
    const dot = await printed(() => dag('dot', options));
    expect(dot).toMatch(/^digraph mis \{\n( {2}.*;\n)+\}\n$/);
    for (const edge of ['"split" -> "shout";', '"shout" -> "join";', '"join" -> "all";'])
      expect(dot).toContain(edge);
    const mermaid = await printed(() => dag('mermaid', { ...options, set: ['glue=x'] }));
    expect(lines(mermaid)[0]).toBe('flowchart TD');
    expect(mermaid).toContain('  shout["shout<br/>6/6"]:::fresh\n');
    expect(mermaid).toContain('  join["join<br/>0/2"]:::stale\n');
    expect(mermaid).toContain('  all["all<br/>0/1"]:::depends\n');
  });
  it('status', async () => {
    const text = await printed(() => status({ ...options, set: ['glue=x'] }));
    expect(lines(text)).toEqual([
      'fresh    split                  1 of 1 up to date',
      'fresh    shout                  6 of 6 up to date',
      'stale    join                   0 of 2 up to date, 2 to run',
      'depends  all                    0 of 1 up to date, 1 depending on earlier stages',
    ]);
  });
  it('dry run, with costs from history', async () => {
    const text = await printed(() => dryRun([], { ...options, set: ['glue=x'], json: true }));
    const events = lines(text).map((line) => JSON.parse(line));
    expect(events.at(-1)).toEqual({ event: 'plan', hit: 7, 'will-run': 2, depends: 1 });
    expect(events.find(({ stage }) => stage === 'all')).toMatchObject({
      outcome: 'depends',
      on: ['join voice=loud', 'join voice=shy'],
      estimate: { ms: expect.any(Number), bytes: expect.any(Number) },
    });
    const unknown = await printed(() => dryRun([], { ...options, set: ['parts=2'] }));
    expect(unknown).toContain(
      "shout\n  depends   on what split puts out: the number of tasks isn't known yet",
    );
  });
});
