import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { blobs, outcomes, type Project, project, tasksThat, until } from '../engine/support.ts';

/** How often a run is killed; more by hand: KILLS=40. */
const KILLS = Number(process.env.KILLS ?? 6);

function gated(): Project {
  const it = project('engine/gated');
  mkdirSync(it.path('gate'));
  return it;
}

const working = (it: Project, name: string) => () =>
  readdirSync(it.path('gate')).some((file) => file.startsWith(`at-${name}-`));

describe('Ctrl-C', () => {
  it('stops cleanly; the next run goes on from what was finished', async () => {
    const it = gated();
    it.write('gate/a', '');
    const run = it.start('run', '--json', '-j', '1');
    await until('task b works', working(it, 'b'));
    run.child.kill('SIGINT');
    const stopped = await run.ended;
    expect(stopped.code).toBe(130);
    expect(stopped.stderr).toContain('Stopping');
    expect(outcomes(stopped)).toEqual({ 'first name=a': 'ran' });
    expect(stopped.events().at(-1)).toMatchObject({ event: 'run', ran: 1, failed: 0, interrupted: true });

    it.write('gate/all', '');
    const again = await it.mis('run', '--json');
    expect(again.code).toBe(0);
    expect(outcomes(again)).toEqual({
      'first name=a': 'hit',
      'first name=b': 'ran',
      'first name=c': 'ran',
      last: 'ran',
    });
  });

  it('keeps what a task that can not be stopped has finished', async () => {
    const it = gated();
    const run = it.start('run', '--json', '-j', '1', '--set', 'deaf=true');
    await until('task a works', working(it, 'a'));
    run.child.kill('SIGINT');
    await sleep(50);
    it.write('gate/a', '');
    const stopped = await run.ended;
    expect(stopped.code).toBe(130);
    expect(outcomes(stopped)).toEqual({ 'first name=a': 'ran' });
  });

  it('stops at once the second time, and leaves nothing that blocks the next run', async () => {
    const it = gated();
    const run = it.start('run', '--json', '-j', '1', '--set', 'deaf=true');
    let told = '';
    run.child.stderr!.on('data', (data) => {
      told += data;
    });
    await until('task a works', working(it, 'a'));
    run.child.kill('SIGINT');
    await until('it says so', () => told.includes('Stopping'));
    run.child.kill('SIGINT');
    expect((await run.ended).code).toBe(130);
    it.write('gate/all', '');
    const again = await it.mis('run', '--json', '--set', 'deaf=true');
    expect(again.code).toBe(0);
    expect(again.events().at(-1)).toMatchObject({ hit: 0, ran: 4, failed: 0 });
  });
});

describe('kill -9', () => {
  it('at any moment leaves a store from which the next run comes to the same bytes', async () => {
    const it = project('toy');
    const calm = it.path('calm');
    expect((await it.mis('run', '--store', calm)).code).toBe(0);
    const wanted = await blobs(calm);
    let killed = 0;
    for (let i = 0; i < KILLS; i++) {
      const store = it.path('torn');
      const run = it.start('run', '--json', '--store', store);
      const started = new Promise<void>((resolve) => run.child.stdout!.once('data', () => resolve()));
      await Promise.race([started, run.ended]);
      await sleep((i / KILLS) * 1200);
      run.child.kill('SIGKILL');
      if ((await run.ended).code === null) killed++;
      const ended = await it.mis('run', '--json', '--store', store);
      expect(ended.code, ended.stderr).toBe(0);
      expect(Object.keys(outcomes(ended))).toHaveLength(10);
      expect(await blobs(store)).toEqual(wanted);
      rmSync(store, { recursive: true });
    }
    expect(killed).toBeGreaterThan(0);
  }, 300_000);
});

describe('a store that was damaged', () => {
  async function damaged(harm: (store: string, blob: string) => void) {
    const it = project('toy');
    await it.mis('run');
    const wanted = await blobs(it.path('.mis'));
    const { stdout } = await it.mis('path', 'join', 'joined', '--where', 'voice=loud');
    harm(it.path('.mis'), stdout.trim());
    const ended = await it.mis('run', '--json', '--set', 'final.glue=x');
    const again = await it.mis('run', '--json');
    expect(again.code).toBe(0);
    expect(again.events().at(-1)).toMatchObject({ failed: 0 });
    expect(await blobs(it.path('.mis'))).toMatchObject(wanted);
    return ended;
  }

  it('flipped byte in a blob that a later task reads: made again, and the run succeeds', async () => {
    const ended = await damaged((_, blob) => {
      const bytes = readFileSync(blob);
      bytes[3]! ^= 1;
      chmodSync(blob, 0o644);
      writeFileSync(blob, bytes);
    });
    expect(ended.code, ended.stderr + ended.stdout).toBe(0);
    expect(tasksThat('ran', ended)).toEqual(['all', 'join voice=loud']);
    expect(ended.events().filter(({ event }) => event === 'warning')).toHaveLength(1);
    const told = ended.events().filter(({ event, outcome }) => event === 'task' && outcome === 'hit');
    expect(told).toHaveLength(9);
    expect(ended.events().at(-1)).toMatchObject({ hit: 8, ran: 2, failed: 0 });
  });

  it('a blob that is gone: made again', async () => {
    const ended = await damaged((_, blob) => rmSync(blob));
    expect(tasksThat('ran', ended)).toEqual(['all', 'join voice=loud']);
  });

  it('a record cut in half: made again', async () => {
    const ended = await damaged((store, blob) => {
      const digest = blob.split('/').at(-1)!;
      const records = readdirSync(join(store, 'records'), { recursive: true }) as string[];
      for (const name of records.filter((each) => each.endsWith('.json'))) {
        const path = join(store, 'records', name);
        if (readFileSync(path, 'utf8').includes(`"joined":{"bytes":40,"digest":"${digest}"`))
          truncateSync(path, Math.floor(statSync(path).size / 2));
      }
    });
    expect(tasksThat('ran', ended)).toContain('join voice=loud');
    expect(ended.code).toBe(0);
  });
});

describe('two runs at once on one store', () => {
  it('make each task once', async () => {
    const it = gated();
    const runs = [it.start('run', '--json', '-j', '2'), it.start('run', '--json', '-j', '2')];
    const runsThere = () =>
      existsSync(it.path('.mis/runs')) && readdirSync(it.path('.mis/runs')).length === 2;
    await until('both run', runsThere);
    await until('a and b work', () => working(it, 'a')() && working(it, 'b')());
    it.write('gate/all', '');
    const ended = await Promise.all(runs.map((run) => run.ended));
    for (const { code, stderr } of ended) expect(code, stderr).toBe(0);
    const ran = ended.flatMap((each) => tasksThat('ran', each)).sort();
    expect(ran).toEqual(['first name=a', 'first name=b', 'first name=c', 'last']);
    expect(readdirSync(it.path('gate')).filter((name) => name.startsWith('at-'))).toHaveLength(4);
  });
});
