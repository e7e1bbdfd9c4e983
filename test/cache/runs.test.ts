import { appendFile, mkdir, readdir, rename, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openStore } from '../../cache/store.ts';
import { isUserError } from '../../common/errors.ts';
import { newStore, print, startChild, temporaryFolder } from './support.ts';

describe('runs', () => {
  it('keep their config, events, fingerprints and end', async () => {
    const store = await newStore();
    const run = await store.runs.create({ task: { n: 20 } }, { group: 'g', command: 'run' });
    run.event({ event: 'start' });
    run.event({ event: 'task', ms: 3 });
    run.recordFingerprints([print('a'), print('b'), print('a')]);
    run.recordFingerprints(new Set([print('b'), print('c')]));
    expect((await store.runs.open(run.id))?.state).toBe('running');
    await run.finish({ complete: true, summary: { hit: 1 } });

    const stored = await (await newStore(store.dir)).runs.open(run.id);
    expect(stored).toMatchObject({ id: run.id, state: 'complete', summary: { hit: 1 } });
    expect(stored?.info).toEqual({ group: 'g', command: 'run' });
    expect(await stored?.config()).toEqual({ task: { n: 20 } });
    expect(await stored?.events()).toEqual([{ event: 'start' }, { event: 'task', ms: 3 }]);
    expect(await stored?.fingerprints()).toEqual([print('a'), print('b'), print('c')]);
  });

  it('are listed newest first, however fast they follow each other', async () => {
    const store = await newStore();
    const ids: string[] = [];
    for (let i = 0; i < 20; i += 1) ids.unshift((await store.runs.create(i)).id);
    expect(await store.runs.list()).toEqual(ids);
    const configs: unknown[] = [];
    for await (const run of store.runs.newestFirst()) configs.push(await run.config());
    expect(configs.slice(0, 3)).toEqual([19, 18, 17]);
  });

  it('come after the last one even if the clock was set back', async () => {
    const store = await newStore();
    const { dir } = await store.runs.create({});
    const future = '20991231-235959.999-0123456789';
    await rename(dir, join(store.dir, 'runs', future));
    const next = await store.runs.create({});
    expect(next.id.slice(0, 19)).toBe('21000101-000000.000');
    expect(await store.runs.list()).toEqual([next.id, future]);
  });

  it('that were killed are interrupted, with the events up to then; a cut line is left out', async () => {
    const store = await newStore();
    const child = startChild('run', [store.dir, [print('a')]]);
    await child.says('running');
    const [id] = (await store.runs.list()) as [string];
    expect((await store.runs.open(id))?.state).toBe('running');
    await child.kill();
    await appendFile(join(store.dir, 'runs', id, 'events.jsonl'), '{"event":"cut');
    await appendFile(join(store.dir, 'runs', id, 'fingerprints'), 'abc');
    const run = await store.runs.open(id);
    expect(run?.state).toBe('interrupted');
    expect(await run?.events()).toEqual([{ event: 'start' }]);
    expect(await run?.fingerprints()).toEqual([print('a')]);
  });

  it('that were not finished are interrupted once the store is closed', async () => {
    const dir = join(await temporaryFolder(), 'store');
    const store = await openStore(dir);
    const run = await store.runs.create({});
    await store.close();
    expect((await (await newStore(dir)).runs.open(run.id))?.state).toBe('interrupted');
  });

  it('of another host count as running until they have been silent for an hour', async () => {
    const store = await newStore();
    const run = await store.runs.create({});
    const owner = join(run.dir, 'owner.json');
    const text = JSON.stringify({
      host: 'other',
      pid: 1,
      started: '',
      boot: '',
      namespace: '',
      nonce: '',
    });
    await writeFile(owner, text);
    expect((await store.runs.open(run.id))?.state).toBe('running');
    const old = new Date(Date.now() - 3_700_000);
    await utimes(owner, old, old);
    expect((await store.runs.open(run.id))?.state).toBe('interrupted');
  });

  it('are not confused by other folders, and half-made ones are passed over', async () => {
    const store = await newStore();
    await mkdir(join(store.dir, 'runs', 'notes'));
    await mkdir(join(store.dir, 'runs', '20260101-000000.000-0123456789'));
    for await (const run of store.runs.newestFirst()) throw new Error(run.id);
    expect(await store.runs.open('notes')).toBeUndefined();
    expect(await store.runs.open('../../x')).toBeUndefined();
    expect(await readdir(join(store.dir, 'runs'))).toHaveLength(2);
  });
});

describe('pins', () => {
  it('name runs, once each', async () => {
    const store = await newStore();
    const [one, two] = [await store.runs.create({}), await store.runs.create({})];
    await store.pin(one.id, 'paper');
    await store.pin(one.id, 'paper');
    expect(await store.pins()).toMatchObject([{ name: 'paper', run: one.id }]);
    const attempts = [
      () => store.pin(two.id, 'paper'),
      () => store.pin('20260101-000000.000-0123456789', 'x'),
      () => store.pin(two.id, '../x'),
      () => store.unpin('nothing'),
    ];
    for (const attempt of attempts) {
      expect(isUserError(await attempt().catch((error) => error))).toBe(true);
    }
    await store.unpin('paper');
    expect(await store.pins()).toEqual([]);
  });
});
