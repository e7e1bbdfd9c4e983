import { spawnSync } from 'node:child_process';
import { copyFile, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { tarHeader } from '../../cache/archive.ts';
import { openStore, type Store } from '../../cache/store.ts';
import { isUserError } from '../../common/errors.ts';
import { sha256 } from '../../common/json.ts';
import {
  edit,
  flip,
  type Members,
  packed,
  relist,
  rename,
  rerecord,
  reseal,
  unpacked,
  withBlob,
} from './archives.ts';
import {
  filesBelow,
  newStore,
  print,
  putFolder,
  putText,
  recordOf,
  startChild,
  temporaryFolder,
} from './support.ts';

const BIG = 'b'.repeat(1_100_000);

/** A store with a complete run of two results, one a folder, and its archive. */
async function exported() {
  const store = await newStore();
  const out = await putText(store, BIG);
  const folder = await putFolder(store, { 'index.html': '<p>', 'a/b.txt': 'text' });
  await store.commit(recordOf(print('one'), { out }));
  await store.commit({ ...recordOf(print('two'), { folder }), lists: { shards: { s0: { out } } } });
  await store.commit(recordOf(print('other'), { out: await putText(store, 'not of the run') }));
  const run = await store.runs.create({ seed: 1 }, { group: '["/w","p.yaml"]' });
  run.event({ event: 'start' });
  run.recordFingerprints([print('one'), print('two')]);
  await run.finish({ complete: true, summary: { ran: 2 } });
  const file = join(await temporaryFolder(), 'run.tar');
  const told = await store.exportRun(file);
  return { store, file, run: run.id, told, folder, out };
}

/** Everything in a store that counts, by path. */
async function contents(store: Store): Promise<{ [path: string]: string }> {
  const found: { [path: string]: string } = {};
  for (const part of ['blobs', 'records', 'runs', 'pins', 'quarantine', 'tmp'])
    for (const [path, text] of Object.entries(await filesBelow(join(store.dir, part))))
      if (!/owner\.json$|uses$|imported\.json$/.test(path)) found[`${part}/${path}`] = sha256(text);
  return found;
}

async function refusal(store: Store, file: string): Promise<string> {
  const error = await store.importArchive(file).then(
    () => new Error('it was taken in'),
    (thrown: Error) => thrown,
  );
  expect(isUserError(error), error.stack).toBe(true);
  expect(error.message).not.toContain('\n');
  return error.message;
}

const python = spawnSync('python3', ['--version']).status === 0;

describe('export', () => {
  it.runIf(python || process.env.CI)(
    "is a tar that Python's tarfile and tar read, each blob under its digest",
    async () => {
      const { file, run, told } = await exported();
      const script =
        'import tarfile,hashlib,json,sys\n' +
        't=tarfile.open(sys.argv[1],"r:")\n' +
        'print(json.dumps({m.name:[hashlib.sha256(t.extractfile(m).read()).hexdigest(),m.size,m.isreg(),m.mtime,m.uid] for m in t}))';
      const members = JSON.parse(spawnSync('python3', ['-c', script, file], { encoding: 'utf8' }).stdout);
      const names = Object.keys(members);
      expect(names).toEqual(spawnSync('tar', ['tf', file], { encoding: 'utf8' }).stdout.trim().split('\n'));
      expect(names[0]).toBe('mis-archive.json');
      expect(names.filter((name) => name.startsWith('run/'))).toEqual(
        ['config.json', 'events.jsonl', 'fingerprints', 'run.json', 'start.json'].map(
          (name) => `run/${name}`,
        ),
      );
      const blobs = names.filter((name) => name.startsWith('blobs/'));
      expect(blobs).toHaveLength(4);
      for (const name of blobs) expect(members[name][0]).toBe(name.slice(9));
      expect(names.filter((name) => name.startsWith('records/'))).toHaveLength(2);
      for (const [, , regular, mtime, uid] of Object.values(members) as unknown[][])
        expect([regular, mtime, uid]).toEqual([true, 0, 0]);
      expect(told).toMatchObject({ run, records: 2, blobs: 4, bytes: (await readFile(file)).length });
    },
  );

  it('has the same bytes every time, also from a store that imported it', async () => {
    const { store, file, run } = await exported();
    const again = `${file}.again`;
    await store.exportRun(again, run);
    const other = await newStore();
    await other.importArchive(file);
    const back = `${file}.back`;
    await other.exportRun(back);
    for (const copy of [again, back]) expect((await readFile(copy)).equals(await readFile(file))).toBe(true);
  });

  it('writes nothing when a blob is damaged, sets that aside, and leaves an older archive alone', async () => {
    const { store, file, run, out } = await exported();
    const before = await readFile(file);
    const path = store.blobPath(out.digest);
    await rm(path);
    await writeFile(path, `c${BIG.slice(1)}`);
    await expect(store.exportRun(file, run)).rejects.toThrow('Nothing was exported');
    expect((await readFile(file)).equals(before)).toBe(true);
    expect(await readdir(join(file, '..'))).toEqual(['run.tar']);
    expect(await store.read(print('one'))).toBeUndefined();
    await expect(store.exportRun(file, run)).rejects.toThrow('2 of the 2 results');
  });

  it('says what to do when there is nothing to export', async () => {
    const store = await newStore();
    await expect(store.exportRun('/tmp/x.tar')).rejects.toThrow('no complete run yet');
    await expect(store.exportRun('/tmp/x.tar', 'nonsense')).rejects.toThrow('no run nonsense');
    const run = await store.runs.create({});
    await expect(store.exportRun('/tmp/x.tar', run.id)).rejects.toThrow('still going on');
    await run.finish({ complete: true });
    await expect(store.exportRun('/nowhere/x.tar', run.id)).rejects.toThrow("folder /nowhere doesn't exist");
  });

  it('writes sizes from 8 GiB on as GNU tar does', () => {
    const block = tarHeader('blobs/x', 9 * 2 ** 30);
    const script =
      'import tarfile,sys;print(tarfile.TarInfo.frombuf(sys.stdin.buffer.read(),"utf8","strict").size)';
    if (python)
      expect(Number(spawnSync('python3', ['-c', script], { input: block }).stdout)).toBe(9 * 2 ** 30);
  });
});

describe('import', () => {
  it('brings results, files and the run to an empty store, once', async () => {
    const { store, file, run, folder } = await exported();
    const other = await newStore();
    expect(await other.importArchive(file)).toMatchObject({
      run,
      known: false,
      records: 2,
      knownRecords: 0,
      blobs: 4,
      knownBlobs: 0,
    });
    expect(await other.importArchive(file)).toMatchObject({ known: true, knownRecords: 2, knownBlobs: 4 });
    for (const name of ['one', 'two'])
      expect(await other.read(print(name))).toEqual(await store.read(print(name)));
    expect(await other.read(print('other'))).toBeUndefined();
    await other.verified(folder);
    const found = await other.runs.open(run);
    expect(found).toMatchObject({ state: 'complete', imported: true, summary: { ran: 2 } });
    expect(await found?.fingerprints()).toEqual([print('one'), print('two')]);
    expect(await found?.events()).toEqual([{ event: 'start' }]);
    expect((await other.verify()).problems).toEqual([]);
    const later = await openStore(other.dir);
    await other.close();
    expect(await later.gc({ yes: true })).toMatchObject({ records: 0, blobs: 0 });
    await later.close();
  });

  it('mends a damaged blob of the store', async () => {
    const { store, file, out } = await exported();
    const path = store.blobPath(out.digest);
    await store.close();
    await rm(path);
    await writeFile(path, BIG.replace('b', 'x'));
    const later = await newStore(store.dir);
    expect(await later.importArchive(file)).toMatchObject({ known: true, knownBlobs: 3 });
    expect((await later.verify()).problems).toEqual([]);
  });

  it('refuses an archive with any one byte changed, and stores nothing', async () => {
    const { file } = await exported();
    const other = await newStore();
    const before = await contents(other);
    const { length } = await readFile(file);
    const edges = fc.oneof(
      fc.nat(length - 1),
      fc.nat(6000),
      fc.nat(6000).map((back) => length - 1 - back),
    );
    await fc.assert(
      fc.asyncProperty(edges, fc.integer({ min: 1, max: 255 }), async (at, mask) => {
        const bad = `${file}.bad`;
        await copyFile(file, bad);
        await flip(bad, at, mask);
        expect(await refusal(other, bad)).toContain('Nothing was stored');
      }),
      { numRuns: 60, seed: 5 },
    );
    expect(await contents(other)).toEqual(before);
  });

  it('refuses an archive cut anywhere, or with something after it', async () => {
    const { file } = await exported();
    const other = await newStore();
    const { length } = await readFile(file);
    for (const at of [0, 1, 511, 512, 700, 2048, length - 1024, length - 1, Math.floor(length / 2)]) {
      const bad = `${file}.cut`;
      await copyFile(file, bad);
      await truncate(bad, at);
      expect(await refusal(other, bad)).toMatch(/cut|begin/);
    }
    await writeFile(`${file}.long`, Buffer.concat([await readFile(file), Buffer.alloc(512)]));
    expect(await refusal(other, `${file}.long`)).toContain('something was added');
    expect(await contents(other)).toEqual({});
  });

  it('refuses other files: compressed, packed anew, a folder, none', async () => {
    const { file } = await exported();
    const other = await newStore();
    spawnSync('gzip', ['-k', file]);
    expect(await refusal(other, `${file}.gz`)).toContain("doesn't begin as");
    expect(await refusal(other, join(file, '..'))).toContain("isn't a file");
    expect(await refusal(other, `${file}.none`)).toContain('There is no file');
    expect(await contents(other)).toEqual({});
  });

  const digest = sha256('x');
  const hostile: [string, (members: Members) => Members][] = [
    ['a name that climbs out', (members) => rename(members, /^blobs/, '../../evil')],
    ['an absolute name', (members) => rename(members, /^blobs/, '/tmp/evil')],
    ['a link', (members) => members.map((member, i) => (i === 3 ? { ...member, type: '2' } : member))],
    ['a member twice', (members) => [...members.slice(0, 2), members[1]!, ...members.slice(2)]],
    ['a member missing', (members) => members.filter((_, i) => i !== 3)],
    ['a member that the list has not', (members) => [...members, { name: 'extra', bytes: Buffer.from('x') }]],
    [
      'a list of a newer version',
      (members) => relist(members, (text) => text.replace('"format":1', '"format":2')),
    ],
    ['a run named ../../x', (members) => edit(members, (list) => ({ ...list, run: '../../x' }))],
    [
      'a file of the run named ../x',
      (members) => edit(members, (list) => ({ ...list, files: { '../x': list.files['run.json'] } })),
    ],
    [
      'a sign that the run goes on',
      (members) =>
        edit(members, (list) => ({
          ...list,
          files: { ...list.files, 'owner.json': list.files['run.json'] },
        })),
    ],
    [
      'a loose blob',
      (members) =>
        withBlob(
          edit(members, (list) => ({ ...list, blobs: { ...list.blobs, [digest]: 1 } })),
          digest,
        ),
    ],
    [
      'a record of a newer version',
      (members) => rerecord(members, (text) => text.replace('{"format":1', '{"format":2')),
    ],
    [
      'a record that names a path as a digest',
      (members) =>
        reseal(members, (record) => ({
          ...record,
          outputs: { out: { kind: 'file', digest: '../../../etc/passwd', bytes: 3 } },
        })),
    ],
    [
      'a record that names a blob that is not there',
      (members) =>
        reseal(members, (record) => ({ ...record, outputs: { out: { kind: 'file', digest, bytes: 1 } } })),
    ],
    ['a record without a stage', (members) => reseal(members, ({ stage: _, ...record }) => record)],
    [
      'a record nested a million deep',
      (members) => reseal(members, (record) => record, '['.repeat(1e6) + ']'.repeat(1e6)),
    ],
  ];
  it.each(hostile)('refuses %s, well packed', async (_, change) => {
    const { file } = await exported();
    const other = await newStore();
    const members = unpacked(await readFile(file));
    await writeFile(file, packed(members));
    const honest = await newStore();
    await honest.importArchive(file);
    await writeFile(file, packed(change(members)));
    expect(await refusal(other, file)).toContain("can't be imported");
    expect(await contents(other)).toEqual({});
    expect(await readdir(join(other.dir, '..'))).toEqual(['store']);
  });

  it.each(['import:checked', 'import:blobs', 'import:record', 'import:run'])(
    'killed with -9 at %s leaves nothing wrong, and the next one ends it',
    async (pauseAt) => {
      const { store, file, run } = await exported();
      const dir = join(await temporaryFolder(), 'store');
      const child = startChild('import', [dir, file], { pauseAt });
      await child.says(pauseAt);
      await child.kill();
      const other = await newStore(dir);
      expect((await other.verify()).problems).toEqual([]);
      expect((await other.runs.list()).length).toBe(pauseAt === 'import:run' ? 1 : 0);
      expect(await other.importArchive(file)).toMatchObject({ run });
      for (const name of ['one', 'two'])
        expect(await other.read(print(name))).toEqual(await store.read(print(name)));
      expect((await other.verify()).problems).toEqual([]);
      expect((await readdir(join(dir, 'tmp'))).filter((name) => name.includes(`-${child.pid}-`))).toEqual([]);
    },
  );

  it('beside a running run, and a gc, that share its results, takes nothing from them', async () => {
    const { store, file } = await exported();
    const dir = join(await temporaryFolder(), 'store');
    const first = await openStore(dir);
    await first.importArchive(file);
    await rm(join(dir, 'runs'), { recursive: true });
    await first.close();
    const running = startChild('run', [dir, [print('one')]]);
    await running.says('running');
    const importing = startChild('import', [dir, file], { pauseAt: 'import:checked' });
    await importing.says('import:checked');
    const other = await newStore(dir);
    await other.gc({ yes: true, keepRuns: 0 });
    importing.go();
    expect(await importing.end()).toMatchObject({ records: 2 });
    running.go();
    expect(await running.end()).toEqual([true]);
    for (const name of ['one', 'two'])
      expect(await other.read(print(name))).toEqual(await store.read(print(name)));
    expect((await other.verify()).problems).toEqual([]);
  });
});
