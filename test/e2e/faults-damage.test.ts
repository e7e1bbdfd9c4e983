import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { deadOwner } from '../faults/damage.ts';
import { blobPath, type Result, readRecord, recordPath, recordsOf, sha256 } from '../faults/results.ts';
import {
  calmResult,
  complaints,
  expectGoesOn,
  expectResult,
  type Place,
  tasks,
  told,
  toy,
} from '../faults/support.ts';

/** Fingerprint of a stage's one task (or first, by fingerprint) in a store. */
function printOf(store: string, stage: string): string {
  const found = recordsOf(store).whole.find((fingerprint) => {
    const record = readRecord(store, fingerprint);
    return typeof record === 'object' && record.stage === stage;
  });
  return found!;
}

function blobOf(store: string, stage: string): string {
  const record = readRecord(store, printOf(store, stage));
  if (typeof record === 'string') throw new Error(record);
  return blobPath(store, Object.values(record.outputs)[0]!.digest);
}

const writable = (path: string) => {
  chmodSync(path, 0o644);
  return path;
};

describe('a finished store of which a part is spoilt', () => {
  let place: Place;
  let wanted: Result;

  beforeAll(async () => {
    place = toy();
    wanted = await calmResult(place);
    await expectGoesOn(place, wanted);
  });

  const harms: [string, () => void][] = [
    ['a blob is cut', () => truncateSync(writable(blobOf(place.store, 'join')), 7)],
    ['a blob is empty', () => truncateSync(writable(blobOf(place.store, 'join')), 0)],
    ['a blob is gone', () => rmSync(blobOf(place.store, 'join'))],
    ['a blob is a folder', () => inItsPlace(blobOf(place.store, 'join'))],
    ['the list of a folder is cut', () => truncateSync(writable(blobOf(place.store, 'book')), 7)],
    ['all blobs are gone', () => rmSync(join(place.store, 'blobs'), { recursive: true })],
    ['a record is cut', () => truncateSync(recordPath(place.store, printOf(place.store, 'join')), 99)],
    ['a record is empty', () => truncateSync(recordPath(place.store, printOf(place.store, 'join')), 0)],
    ['a record is a folder', () => inItsPlace(recordPath(place.store, printOf(place.store, 'join')))],
    ['a record is another one’s', () => another(place.store)],
    ['a record is of a later version', () => version(place.store, 2)],
    ['a record is of an earlier version', () => version(place.store, 0)],
    ['all records are gone', () => rmSync(join(place.store, 'records'), { recursive: true })],
    ['what is remembered from run to run is spoilt', () => spoilMemos(place.store)],
    ['what was published was changed by hand', () => writeFileSync(place.path('book/index.txt'), 'mine')],
  ];

  it.each(harms)('%s: the next run makes it again', async (_, harm) => {
    harm();
    await expectGoesOn(place, wanted);
    const calm = await place.run();
    expect(tasks(calm, 'ran')).toEqual([]);
  });

  it('a bit of a blob is flipped: found when it is read, set aside, made again', async () => {
    const blob = writable(blobOf(place.store, 'join'));
    const bytes = readFileSync(blob);
    bytes[3]! ^= 1;
    writeFileSync(blob, bytes);
    rmSync(recordPath(place.store, printOf(place.store, 'book')));
    const ended = await expectGoesOn(place, wanted);
    expect(told(ended)).toContain('was set aside');
    expect(
      readdirSync(join(place.store, 'quarantine')).some((name) => blob.includes(name.slice(0, 64))),
    ).toBe(true);
  });
});

function inItsPlace(path: string): void {
  rmSync(path);
  mkdirSync(path);
  writeFileSync(join(path, 'x'), 'x');
}

function another(store: string): void {
  writeFileSync(
    recordPath(store, printOf(store, 'join')),
    readFileSync(recordPath(store, printOf(store, 'book'))),
  );
}

/** The record as a program of another version would have written it, whole in itself. */
function version(store: string, format: number): void {
  const path = recordPath(store, printOf(store, 'join'));
  const record = JSON.stringify({ ...(readRecord(store, printOf(store, 'join')) as object), format });
  writeFileSync(path, `{"format":${format},"checksum":"${sha256(record)}","record":${record}}\n`);
}

function spoilMemos(store: string): void {
  for (const name of readdirSync(join(store, 'memo'))) {
    const path = join(store, 'memo', name);
    truncateSync(path, Math.floor(statSync(path).size / 2));
  }
}

describe('a lock that was left behind', () => {
  let place: Place;
  let wanted: Result;

  beforeAll(async () => {
    place = toy();
    wanted = await calmResult(place);
    await expectGoesOn(place, wanted);
  });

  /** Leaves a lock where a run has to do a task; its owner showed life so many milliseconds ago. */
  function left(owner: object | string, silentMs = 0): string {
    const fingerprint = printOf(place.store, 'all');
    rmSync(recordPath(place.store, fingerprint));
    const path = join(place.store, 'locks', `${fingerprint}.lock`);
    writeFileSync(path, typeof owner === 'string' ? owner : deadOwner(owner));
    const then = new Date(Date.now() - silentMs);
    utimesSync(path, then, then);
    return path;
  }

  it.each([
    ['of a dead process', { pid: spawnSync('true').pid }, 0],
    ['of a process whose number is used again', {}, 0],
    [
      'with a clock that runs ahead: of a dead process, since tomorrow',
      { since: '2999-01-01T00:00:00.000Z' },
      -86_400_000,
    ],
    ['that is cut, by a full disk say', '{"host', 61_000],
    ['of another host that has shown no life for 15 minutes', { host: 'gone' }, 15 * 60_000 + 1000],
  ])('%s is broken; the run goes on at once', async (_, owner, silentMs) => {
    left(owner, silentMs);
    const ended = await expectGoesOn(place, wanted);
    expect(tasks(ended, 'ran')).toHaveLength(1);
    expect(readdirSync(join(place.store, 'locks'))).toEqual([]);
  });

  it('of another host is waited for; the run says what to delete, and goes on when that is done', async () => {
    const path = left({ host: 'node3', pid: 4711 }, 14 * 60_000);
    const run = place.start();
    await run.says(`delete ${path}`);
    rmSync(path);
    const ended = await run.ended;
    expect(ended.code, complaints(ended)).toBe(0);
    expectResult(place, wanted);
    const waiting = ended.events.filter(({ event }) => event === 'waiting');
    expect(waiting).toHaveLength(1);
    expect(waiting[0]!.message).toMatch(/^is being made by process 4711 on node3 since .* 15 minutes after/);
  });
});

describe('a clock that is set back', () => {
  it('leaves results as they are, keeps runs in order, and breaks no living lock', async () => {
    const place = toy();
    const wanted = await calmResult(place);
    await expectGoesOn(place, wanted);
    const runs = join(place.store, 'runs');
    const [id] = readdirSync(runs);
    const future = `2999${id!.slice(4)}`;
    spawnSync('mv', [join(runs, id!), join(runs, future)]);
    const then = new Date('2999-01-01');
    for (const name of readdirSync(place.store, { recursive: true }) as string[])
      utimesSync(join(place.store, name), then, then);
    const ended = await expectGoesOn(place, wanted);
    expect(tasks(ended, 'ran')).toEqual([]);
    expect(readdirSync(runs).sort().at(-1)! > future).toBe(true);
    place.edit('configs/default.yaml', 'glue: "+"', 'glue: "="');
    expect((await place.run()).code).toBe(0);
    place.edit('configs/default.yaml', 'glue: "="', 'glue: "+"');
    const back = await place.run();
    expect(tasks(back, 'hit')).toHaveLength(9);
  });
});
