import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openStore } from '../../cache/store.ts';
import { type DiffOptions, diff } from '../../engine/cli/diff.ts';
import { runs } from '../../engine/cli/runs.ts';
import { configChanges } from '../../engine/plan/config-difference.ts';
import { diffPool, diffProject, runHere } from './diff-project.ts';
import { mistake, printed, put } from './in-process.ts';
import type { Project } from './support.ts';

const folder = process.cwd();
let toy: Project;
let first: string;
let second: string;
beforeAll(async () => {
  toy = diffProject();
  process.chdir(toy.dir);
  first = await runHere(toy);
  second = await runHere(toy, ['times=2']);
});
afterAll(() => process.chdir(folder));

async function says(a?: string, b?: string, options: DiffOptions = {}): Promise<string> {
  const pool = await diffPool(toy);
  return printed(() => diff(a, b, { store: toy.path('.mis'), ...options }, pool));
}

describe('mis diff', () => {
  it('tells what two runs were made of, and compares what they put out; the second time from the store', async () => {
    const text = await says(first, second.slice(0, 19));
    const lines = text.split('\n');
    expect(lines[1]).toMatch(new RegExp(`^A +${first} .* run$`));
    expect(lines[2]).toMatch(new RegExp(`^B +${second} .* run --set times=2$`));
    expect(text).toContain('\nParameters  A     B\ntimes       1  →  2\n');
    expect(text).toMatch(/\nTasks +same +differ +only A +only B +unknown\nshout +3 +3 +0 +0 +0\njoin +1 +1 /);
    expect(text).not.toMatch(/^split|^Code|^Files|^Environment/m);
    const [a, b] = text.split('\n\n').at(-2)!.split(' / ');
    expect(b!.length).toBeGreaterThan(a!.length);
    expect(text).toMatch(/diff: .*\/diff \(compared in .*\)\n$/);
    expect(JSON.parse(toy.read('diff/told.json')).changed).toEqual(['times']);

    expect(JSON.parse(await says(undefined, undefined, { json: true }))).toEqual({
      a: { run: first, at: expect.any(String), command: 'run' },
      b: { run: second, at: expect.any(String), command: 'run --set times=2' },
      difference: expect.objectContaining({ config: [{ path: 'times', from: 1, to: 2 }], code: [] }),
      same: false,
      outcome: 'hit',
      folder: toy.path('diff'),
      fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/),
      result: JSON.parse(toy.read('diff/told.json')),
    });
  });

  it('names code and files; says when the results are equal, gone, or never were', async () => {
    toy.edit('stages/shout/louder.ts', 'toUpperCase', 'toLowerCase');
    await runHere(toy, ['times=2', 'final.title=x']);
    const changed = await says('last~1', 'last', { to: 'elsewhere' });
    expect(changed).toMatch(/\nParameters +A +B\nfinal.title +\(not set\) +→ +"x"\n/);
    expect(changed).toMatch(/\nCode .*\nstages\/shout\/louder.ts +[0-9a-f]{12} +→ +[0-9a-f]{12} +shout\n/);
    expect(readFileSync(toy.path('elsewhere/told.txt'), 'utf8')).toContain(' / ');
    expect(await says('last', 'last')).toMatch(
      /Nothing that the runs were made of differs\.\n\nBoth runs have the same page, byte for byte\.\n$/,
    );

    await runHere(toy, [], ['split']);
    await expect(says('last~1', 'last')).rejects.toThrow(/^Run \S+ has no page to compare: /);
    // by default the last two runs that have one
    expect(await says()).toContain('final.title');
    const store = await openStore(toy.path('.mis'));
    await store.gc({ yes: true, runs: [second] });
    await store.close();
    await expect(says(first, second)).rejects.toThrow(
      new RegExp(`^The page of run ${first} is no longer in the store .*"mis run" makes it again`),
    );
    await expect(says('last~9', 'last')).rejects.toThrow('There is no run last~9');
  });

  it('finds its runs in the list, with the command that asked for them', async () => {
    const listed = (await printed(() => runs({ store: toy.path('.mis'), json: true }))).trim().split('\n');
    const [newest, ...others] = listed.map((line) => JSON.parse(line));
    expect(newest).toMatchObject({ command: 'run split', stages: ['split'], state: 'incomplete' });
    expect(others.map(({ command }) => command)).toContain('run --set times=2');
    expect(await printed(() => runs({ store: toy.path('.mis') }))).toContain('run --set times=2');
  });
});

describe('the entry "diff" of a pipeline', () => {
  const told = (from: string, to: string) => {
    const made = diffProject();
    const files = ['stages/page/index.ts', 'stages/compare/index.ts'];
    const others = Object.fromEntries(files.map((name) => [name, made.read(name)]));
    return mistake({ ...others, 'pipeline.yaml': put(from, to)(made.read('pipeline.yaml')) });
  };

  it('names a stage and an output that there is one of in a run', async () => {
    expect(await told('${page.page}', '${pgae.page}')).toMatch(/no stage "pgae"[\s\S]*Did you mean page\?/);
    expect(await told('${page.page}', '${page.pages}')).toMatch(
      /puts out no "pages"[\s\S]*Did you mean page\?/,
    );
    expect(await told('${page.page}', '${join.joined}')).toContain('stage join has a task for each voice');
    expect(await told('to: ./diff', 'too: ./diff')).toContain('missing key "diff.to"');
  });
});

describe('differences of configs', () => {
  it('go by key, and by name in lists of elements', () => {
    const a = {
      n: 1,
      same: [1, 2],
      list: [1, 2],
      models: [{ name: 'x', batch: 1 }, { name: 'y' }],
      expect: 1,
    };
    const b = { n: 2, same: [1, 2], list: [2], models: [{ name: 'z' }, { name: 'x', batch: 3 }], more: null };
    expect(configChanges(a, b)).toEqual([
      { path: 'n', from: 1, to: 2 },
      { path: 'list', from: [1, 2], to: [2] },
      { path: 'models.x.batch', from: 1, to: 3 },
      { path: 'models.y', from: { name: 'y' } },
      { path: 'models.z', to: { name: 'z' } },
      { path: 'more', to: null },
    ]);
    expect(configChanges(undefined, {})).toEqual([]);
  });
});
