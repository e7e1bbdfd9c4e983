import { createHash } from 'node:crypto';
import { copyFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { traceFile } from '../../engine/cli/trace.ts';
import { diffProject, runHere } from './diff-project.ts';
import { printed } from './in-process.ts';
import type { Project } from './support.ts';

const folder = process.cwd();
let toy: Project;
let run: string;
beforeAll(async () => {
  toy = diffProject();
  process.chdir(toy.dir);
  run = await runHere(toy);
});
afterAll(() => process.chdir(folder));

const trace = (file: string, options: { all?: boolean; json?: boolean; store?: string } = {}) =>
  printed(() => traceFile(file, { store: '.mis', ...options }));

describe('mis trace', () => {
  it('follows a file back to what nobody made, tasks of a stage together', async () => {
    const text = await trace('page/sub/text.txt');
    expect(text).toContain('bytes: as it was stored\n  page/sub/text.txt of the task page, fingerprint ');
    const digest = createHash('sha256').update(toy.read('page/sub/text.txt')).digest('hex');
    expect(text).toContain(`sha256 ${digest}`);
    expect(text).toContain(` in ${run} on `);
    expect(text).toMatch(/\n {2}parameters {2}final\.title +"none"\n/);
    expect(text).toMatch(/\n {2}environment printer 1\.0\n/);
    expect(text).toMatch(/← text\n {4}all\n[\s\S]*← loud\n {8}join: 2 tasks voice=loud,shy\n/);
    expect(text).toMatch(/shout: 6 tasks part=p0,p1,p2 voice=loud,shy\n/);
    expect(text).toMatch(/voice\.mark +"!" \(part=p0 voice=loud, …\); "\?" \(part=p0 voice=shy, …\)\n/);
    expect(text).toMatch(/\n {14}← words\n {16}split: as above\n/);
    expect(text).toMatch(
      /\nIt rests on\n {2}\S*\/text\.txt, listing \(paths, sizes, times\) [0-9a-f]{64}, unchanged\n$/,
    );
  });

  it('lists every task and file of code with --all; everything as JSON', async () => {
    const text = await trace('page/note.json', { all: true });
    expect(text).toMatch(/[0-9a-f]{12} {2}stages\/shout\/louder\.ts\n/);
    expect(text).toContain('shout part=p2 voice=shy\n');
    const told = JSON.parse(await trace('page/note.json', { json: true }));
    const { tasks, fingerprint } = told;
    expect(told).toMatchObject({ foundBy: 'bytes', unchanged: true, output: 'page', path: 'note.json' });
    expect(
      Object.values<{ stage: string }>(tasks)
        .map(({ stage }) => stage)
        .sort(),
    ).toEqual(['all', 'join', 'join', 'page', ...new Array(6).fill('shout'), 'split']);
    expect(
      tasks[fingerprint].inputs.map(({ input, from }: Record<string, string>) => [input, tasks[from!].stage]),
    ).toEqual(
      expect.arrayContaining([
        ['text', 'all'],
        ['parts', 'split'],
      ]),
    );
  });

  it('knows files that were copied or changed', async () => {
    copyFileSync(toy.path('page/note.json'), toy.path('copy.json'));
    expect(await trace('copy.json')).toContain('as it was stored');
    toy.write('copy.json', `${toy.read('copy.json')} `);
    expect(await trace('copy.json')).toContain('changed since it was made, found by the fingerprint');
    const { fingerprint } = JSON.parse(toy.read('page/note.json'));
    for (const text of [
      `<metadata>{"fingerprint":"${fingerprint}"}</metadata>`,
      `tEXtFingerprint\0${fingerprint}`,
      `<meta name="fingerprint" content="${fingerprint}">`,
      `/Fingerprint 7 0 R\n17 0 obj\n(${'0'.repeat(64)})\nendobj\n7 0 obj\n(${fingerprint})\nendobj`,
    ]) {
      toy.write('told.bin', text);
      expect(await trace('told.bin'), text).toContain(`the task page, fingerprint ${fingerprint}`);
    }
    toy.write('page/sub/text.txt', 'other');
    expect(await trace('page/sub/text.txt')).toContain('changed since it was published there');
    toy.edit('text.txt', toy.read('text.txt').slice(0, 3), 'xyz');
    expect(await trace('page/note.json')).toMatch(
      /text\.txt, digest [0-9a-f]{64}, can't be compared with now/,
    );
    toy.remove('text.txt');
    expect(await trace('page/note.json')).toMatch(/text\.txt, digest [0-9a-f]{64}, no longer there/);
  }, 60_000);

  it('says plainly what it does not know', async () => {
    toy.write('foreign.txt', 'something else');
    await expect(trace('foreign.txt')).rejects.toThrow(
      /^Nothing in the store .* put out foreign\.txt, and no fingerprint is written in it/,
    );
    await expect(trace('page/note.json', { store: 'empty' })).rejects.toThrow(
      /says that the task [0-9a-f]{64} made it, but the store .* has no record/,
    );
    await expect(trace('nowhere.svg')).rejects.toThrow('There is no file nowhere.svg.');
    await expect(trace('page')).rejects.toThrow('is not a file');
  });
});
