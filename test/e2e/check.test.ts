import { existsSync, readdirSync } from 'node:fs';
import { describe, expect, it, vi } from 'vitest';
import type { Comparison } from '../../engine/run/determinism.ts';
import type { Profile } from '../../engine/run/profile.ts';
import { blobs, type Project, project } from '../engine/support.ts';

vi.setConfig({ testTimeout: 180_000 });

interface CheckLine {
  ok: boolean;
  determinism: Comparison;
  expected?: unknown;
}
type ProfileLine = Profile & { run: string; state: string };

const JOIN = 'stages/join/index.ts';
const RANDOM = `task.inputs('loud').map(({ path }) => readFileSync(path, 'utf8')`;

/** The toy pipeline, with a stage at the end that publishes a CSV and a JSON file about the joined text. */
function publishing(): Project {
  const toy = project('toy');
  toy.write(
    'stages/count/index.ts',
    `import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { defineStage } from '../../engine/stage.ts';

export default defineStage({
  summary: 'counts characters',
  params: z.strictObject({}),
  inputs: { text: { take: 'one' } },
  outputs: { report: { kind: 'folder', what: 'counts' } },
  async run(task) {
    const text = readFileSync(task.input('text').path, 'utf8');
    const count = (mark: string) => text.split(mark).length - 1;
    const rows = ['!', '?'].map((mark) => mark + ',' + count(mark) / 10);
    writeFileSync(join(task.output('report'), 'marks.csv'), ['mark,tenths', ...rows, ''].join('\\n'));
    writeFileSync(join(task.output('report'), 'sum.json'), JSON.stringify({ length: text.length }));
  },
});
`,
  );
  toy.write(
    'pipeline.yaml',
    `${toy.read('pipeline.yaml')}  count:\n    uses: ./stages/count\n    needs: { text: "\${all.joined}" }\n    publish: { output: report, to: ./report }\n`,
  );
  return toy;
}

const expecting = (toy: Project, yaml: string) =>
  toy.write('configs/default.yaml', `${toy.read('configs/default.yaml')}${yaml}`);

const EXPECT = `expect:
  - file: marks.csv
    row: { mark: "!" }
    column: tenths
    value: 0.7
  - file: marks.csv
    row: { mark: "?" }
    column: tenths
    value: 1.42
    tolerance: 0.03
  - { file: sum.json, column: length, value: 91 }
`;

describe('mis check', () => {
  it('the same bytes twice, and the values that the config expects; touches no store and no report', async () => {
    const toy = publishing();
    expecting(toy, EXPECT.replace('value: 91', `value: ${await lengthOf(toy)}`));
    process.env.MIS_REMOTE = 'ftp://would-be-an-error';
    const ended = await toy.mis('check', '--temp', 'temp').finally(() => delete process.env.MIS_REMOTE);
    expect(ended.code, ended.stderr + ended.stdout).toBe(0);
    expect(ended.stdout).toBe(
      'Determinism: 11 tasks, 13 outputs: the same bytes in both runs.\nExpected values: 3 of 3 met.\n',
    );
    expect(ended.stderr).toMatch(
      /The first of two runs, \d+ jobs?:\n[\s\S]*The second of two runs, \d+ jobs?:\n/,
    );
    expect(existsSync(toy.path('report'))).toBe(false);
    expect(existsSync(toy.path('.mis'))).toBe(false);
    expect(readdirSync(toy.path('temp'))).toEqual([]);
  });

  it('a stage that puts out something else each time is named, with its first difference; what follows is not', async () => {
    const toy = publishing();
    toy.edit(
      JOIN,
      RANDOM,
      `task.inputs('loud').map(({ path }) => (path.length > 0 ? Math.random() : '') + readFileSync(path, 'utf8')`,
    );
    const ended = await toy.mis('check', 'all', '--json', '-j', '1');
    expect(ended.code, ended.stderr).toBe(1);
    const [{ determinism, expected, ok }] = ended.events() as unknown as [CheckLine];
    expect({ ok, expected }).toEqual({ ok: false, expected: undefined });
    expect(determinism).toMatchObject({ tasks: 10, after: ['all'], unmatched: [] });
    expect(determinism.differing.map(({ stage, vars, output }) => [stage, vars.voice, output])).toEqual([
      ['join', 'loud', 'joined'],
      ['join', 'shy', 'joined'],
    ]);
    expect(determinism.differing[0]!.where).toMatch(/^byte \d+ \(of \d+ and \d+\): /);
    const text = (await toy.mis('check', 'join', '--determinism')).stdout;
    expect(text).toMatch(/^Determinism: not given\..*\n {2}join voice=loud: joined: byte \d+ /);
  });

  it('--expect: against the store alone; what is off, what is not there', async () => {
    const toy = publishing();
    const early = await toy.mis('check', '--expect');
    expect(early).toMatchObject({ code: 1, stdout: '' });
    expect(early.stderr).toContain('count is not up to date');
    await toy.mis('run');
    const before = await blobs(toy.path('.mis'));
    expect((await toy.mis('check', '--expect')).stdout).toBe(
      'Expected values: the config states none (key "expect").\n',
    );
    expecting(toy, EXPECT.replace('value: 1.42', 'value: 1.3').replace('length, value', 'size, value'));
    const ended = await toy.mis('check', '--expect');
    expect(ended.code).toBe(1);
    expect(ended.stdout).toMatch(
      /^Expected values: 1 of 3 met\. Not met:\n {2}configs\/default\.yaml:14:5: marks\.csv mark=\? tenths: expected 1\.3 ± 0\.03, found "1\.4" \(\+0\.1\)\n {2}configs\/default\.yaml:19:5: sum\.json size: there is no "size" in sum\.json: there is length\n$/,
    );
    expect((await toy.mis('run')).stdout).toContain('Nothing to do');
    expect(await blobs(toy.path('.mis'))).toEqual(before);
  });

  it('mistakes in `expect` are told by every command, with their place', async () => {
    const toy = publishing();
    const config = toy.read('configs/default.yaml');
    const told = async (yaml: string, ...args: string[]) => {
      toy.write('configs/default.yaml', config + yaml);
      const ended = await toy.mis(...args);
      expect(ended.code).toBe(1);
      return ended.stderr;
    };
    expect(await told('expect: [{ file: a.csv, vaule: 1 }]\n', 'status')).toContain(
      'missing key "expect.0.value"',
    );
    expect(await told('expect: [{ file: a.csv, value: 1, tolernce: 1 }]\n', 'run')).toMatch(
      /unknown key "tolernce"\n.*\n.*\n {2}Did you mean tolerance\?/,
    );
    expect(await told('expct: []\n', 'run')).toMatch(
      /unknown key "expct"\n.*\n.*\n {2}Did you mean expect\?/,
    );
    toy.edit('pipeline.yaml', '${final.glue}', '${expect.glue}');
    expect(await told('', 'run')).toContain('"expect" is what "mis check" compares results with');
  });

  it('a run that fails leaves nothing to compare', async () => {
    const toy = publishing();
    toy.edit(JOIN, 'async run(task) {', "async run(task) {\n    throw new Error('broken');");
    const ended = await toy.mis('check', '--temp', 'temp');
    expect(ended.code).toBe(1);
    expect(ended.stderr).toContain('The first run failed, so there is nothing to compare.');
    expect(readdirSync(toy.path('temp'))).toEqual([]);
  });
});

/** Characters of the text that the toy pipeline ends with. */
async function lengthOf(toy: Project): Promise<number> {
  await toy.mis('run', 'all', '--store', 'other');
  const { stdout } = await toy.mis('path', 'all', '--store', 'other');
  const length = toy.read(stdout.trim().slice(toy.dir.length + 1)).length;
  toy.remove('other');
  return length;
}

describe('mis profile', () => {
  it('of the newest run, and of a named one', async () => {
    const toy = project('toy');
    const none = await toy.mis('profile');
    expect(none).toMatchObject({ code: 1, stdout: '' });
    expect(none.stderr).toContain('There is no run in the store');
    await toy.mis('run', '-j', '2');
    const [first] = readdirSync(toy.path('.mis/runs'));
    const text = (await toy.mis('profile')).stdout;
    expect(text).toMatch(
      new RegExp(`^Run ${first} \\(complete\\): .* in all, 2 jobs; 10 tasks ran, 0 up to date\\.\n`),
    );
    expect(text).toMatch(/^shout +6 .* words\/s +\d+ B /m);
    await toy.mis('run');
    const idle = (await toy.mis('profile', '--json')).events()[0] as unknown as ProfileLine;
    expect(idle).toMatchObject({
      state: 'complete',
      counts: { ran: 0, hit: 10, failed: 0 },
      busy: { ms: 0 },
    });
    expect(idle.verificationShare).toBeGreaterThan(0);
    const shares = [idle.verificationShare!];
    while (shares.at(-1)! >= 0.15 && shares.length < 4) {
      await toy.mis('run');
      shares.push(
        ((await toy.mis('profile', '--json')).events()[0] as unknown as ProfileLine).verificationShare!,
      );
    }
    expect(Math.min(...shares)).toBeLessThan(0.15);
    const named = (await toy.mis('profile', first!, '--json')).events()[0] as unknown as ProfileLine;
    expect(named).toMatchObject({ run: first, counts: { ran: 10 } });
    expect(named.critical.tasks.map(({ stage }) => stage)).toEqual(['split', 'shout', 'join', 'all']);
    const parts =
      named.busy.workMs + named.busy.loadMs + named.busy.verifyMs + named.busy.storeMs + named.busy.recheckMs;
    expect(parts).toBeLessThanOrEqual(named.busy.ms + 10 * 10);
    for (const { peakHeap, peakRss } of named.stages) {
      expect(peakHeap).toBeGreaterThan(1e6);
      expect(peakRss).toBeGreaterThan(peakHeap);
    }
  });

  it('the record keeps what a task took', async () => {
    const toy = project('toy');
    await toy.mis('run');
    const [name] = readdirSync(toy.path('.mis/records'), { recursive: true }).filter((each) =>
      String(each).endsWith('.json'),
    );
    const { record } = JSON.parse(toy.read(`.mis/records/${name}`));
    expect(record.ran.measured).toMatchObject({
      runMs: expect.any(Number),
      storeMs: expect.any(Number),
      recheckMs: expect.any(Number),
      peakRss: expect.any(Number),
    });
  });
});

describe('why --vs', () => {
  it('by the command line', async () => {
    const toy = project('toy');
    await toy.mis('run');
    await toy.mis('run', '--set', 'glue=_');
    const [first, second] = readdirSync(toy.path('.mis/runs')).sort();
    const ended = await toy.mis('why', 'join', '--vs', first!, second!);
    expect(ended.code, ended.stderr).toBe(0);
    expect(ended.stdout).toBe(
      `join: from ${first} to ${second}\njoin: 2 tasks differ (voice=loud; voice=shy), because\n  parameter glue: "-" → "_"\n`,
    );
    expect((await toy.mis('why', 'join', '--vs', second!)).stdout).toContain('  parameter glue: "_" → "-"\n');
  });
});
