import { mkdirSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { why } from '../../engine/cli/why.ts';
import { createScheduler, type Units, type Wanted } from '../../engine/run/scheduler.ts';
import { dryAndWet, printed } from './in-process.ts';
import { type Project, project } from './support.ts';

const settled = () => new Promise((resolve) => setImmediate(resolve));

/** Work that ends when it is told to. */
function works(wanted: readonly Wanted[], jobs: number) {
  const scheduler = createScheduler(jobs);
  const running = new Map<number, { units: Units; end(): void }>();
  const ended = wanted.map((each, i) =>
    scheduler.run(each, (units) => {
      return new Promise<void>((resolve) => {
        running.set(i, { units, end: resolve });
      }).finally(() => running.delete(i));
    }),
  );
  return { running, ended };
}

const unitsOf = fc.subarray(['0', '1', '2']);
const wanting = fc.record<Wanted>({
  units: fc.oneof(
    fc.constant({}),
    unitsOf.filter((units) => units.length > 0).map((gpu) => ({ gpu })),
    fc.constant({ gpu: ['0', '1'], disk: ['0'] }),
  ),
  jobs: fc.integer({ min: 1, max: 4 }),
});

test('each unit has one task at a time, no more run than may, and all come to an end', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(wanting, { maxLength: 12 }),
      fc.integer({ min: 1, max: 3 }),
      fc.infiniteStream(fc.nat()),
      async (wanted, jobs, order) => {
        const { running, ended } = works(wanted, jobs);
        for (let left = wanted.length; left > 0; left--) {
          await settled();
          const now = [...running];
          expect(now.length).toBeGreaterThan(0);
          const taken = now.flatMap(([, { units }]) => Object.entries(units).map((each) => each.join(' ')));
          expect(new Set(taken).size).toBe(taken.length);
          for (const [i, { units }] of now)
            for (const [name, all] of Object.entries(wanted[i]!.units)) expect(all).toContain(units[name]);
          const used = now.reduce((sum, [i]) => sum + wanted[i]!.jobs, 0);
          expect(now.length === 1 || used <= jobs).toBe(true);
          now[order.next().value % now.length]![1].end();
        }
        await Promise.all(ended);
      },
    ),
    { numRuns: 60 },
  );
});

test('those that wait for a unit hold up none that needs none, and go first where a unit is free', async () => {
  const gpu = { units: { gpu: ['0'] }, jobs: 1 };
  const cpu = { units: {}, jobs: 1 };
  const { running, ended } = works([gpu, gpu, gpu, cpu, cpu, cpu], 2);
  await settled();
  expect([...running.keys()]).toEqual([0, 3]);
  running.get(0)!.end();
  await settled();
  expect([...running.keys()].sort()).toEqual([1, 3]);
  while (running.size > 0) {
    for (const { end } of running.values()) end();
    await settled();
  }
  await Promise.all(ended);
});

test('work that fails gives back what it had', async () => {
  const scheduler = createScheduler(1);
  const wanted = { units: { gpu: ['0'] }, jobs: 1 };
  await expect(scheduler.run(wanted, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await scheduler.run(wanted, async ({ gpu }) => gpu)).toBe('0');
});

function prepared(): Project {
  const it = project('engine/units');
  it.edit('configs/default.yaml', './log', it.path('log'));
  mkdirSync(it.path('log'));
  return it;
}

test('a task has a unit for itself, and each unit a thread', async () => {
  const it = prepared();
  const ended = await it.mis('run', '--jobs', '4', '--set', 'together=2', '--json');
  expect(ended.code).toBe(0);
  const names: string[] = [];
  for (const device of ['first', 'second']) {
    const lines = it.read(`log/${device}`).trim().split('\n');
    const thread = lines[0]!.split(' ')[2];
    for (let i = 0; i < lines.length; i += 2) {
      const name = lines[i]!.split(' ')[1]!;
      expect(lines.slice(i, i + 2)).toEqual([`begin ${name} ${thread}`, `end ${name} ${thread}`]);
      names.push(name);
    }
  }
  expect(names.sort()).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
  const events = ended.events();
  expect(events.filter(({ event }) => event === 'note')).toMatchObject([
    { stage: 'work', message: 'works on first and second' },
  ]);
  const begun = events.filter(({ event, stage }) => event === 'begin' && stage === 'work');
  expect(new Set(begun.map(({ resources }) => (resources as Units).device))).toEqual(
    new Set(['first', 'second']),
  );
  expect(it.read('log/asked').split('\n').length - 1).toBeLessThanOrEqual(6);
});

test('what does not count runs nothing again; what it makes of the environment does', async () => {
  const it = prepared();
  const folder = process.cwd();
  process.chdir(it.dir);
  try {
    const options = { store: it.path('store') };
    expect((await dryAndWet(options)).end).toMatchObject({ ran: 8, failed: 0 });
    const asked = it.read('log/asked');
    const other = ['devices=[third]', 'together=7'];
    const again = await dryAndWet({ ...options, set: other });
    expect(again.end).toMatchObject({ hit: 8, ran: 0 });
    expect(new Set(Object.values(again.dry))).toEqual(new Set(['hit']));
    expect(it.read('log/asked')).toBe(asked);
    const says = (set: readonly string[]) => printed(() => why('work', { ...options, set }));
    expect(await says(other)).toContain('6 tasks up to date: nothing that counts changed');
    expect(await says(['factor=2'])).toContain('because\n  parameter factor: 1 → 2\n');
    expect(await says(['devices=[]'])).toContain('because\n  environment kind: device → none\n');
    const { wet } = await dryAndWet({ ...options, set: ['devices=[]'] });
    expect(wet).toMatchObject({ 'work name=a': 'ran', plain: 'hit', end: 'hit' });
  } finally {
    process.chdir(folder);
  }
});

test('a unit that is not there fails the tasks that want it, at its place in the config; others go on', async () => {
  const it = prepared();
  it.edit('configs/default.yaml', '[first, second]', '[first, broken]');
  const { code, stdout, stderr } = await it.mis('run');
  expect(code).toBe(1);
  expect(stderr).toBe(
    [
      'mis: work name=a failed.',
      'configs/default.yaml:2:10: the device broken is no use',
      '  2 | devices: [first, broken]',
      '    |          ^^^^^^^^^^^^^^^',
      '  Take another.',
      '',
    ].join('\n'),
  );
  expect(stdout).toContain('6 tasks failed, 1 could not start, 1 ran');
});
