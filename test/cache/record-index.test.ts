import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { recordText } from '../../cache/records.ts';
import type { Artifact, NewRecord, Store } from '../../cache/store.ts';
import {
  hashOf,
  newStore,
  print,
  putFolder,
  recordOf,
  startChild,
  temporaryFolder,
  writeFiles,
} from './support.ts';

const MANY = 1200;
const PRINTS = Array.from({ length: MANY }, (_, i) => print(`task ${i}`));

/** A store with many records, written as a run leaves them, and nothing else. */
async function filledStore(): Promise<string> {
  const dir = join(await temporaryFolder(), 'store');
  await (await newStore(dir)).close();
  const put = (path: string, text: string) => {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  };
  for (const [i, fingerprint] of PRINTS.entries()) {
    const { text, record } = result(i, fingerprint);
    put(recordPath(dir, i), recordText(record));
    put(blobPath(dir, i), text);
  }
  return dir;
}

function result(i: number, fingerprint: string): { text: string; record: NewRecord } {
  const text = `output of ${i}`;
  const out: Artifact = { kind: 'file', digest: hashOf(text), bytes: text.length };
  return { text, record: recordOf(fingerprint, { out }) };
}

/** What a run would find: by the digests of what each record put out. */
async function found(dir: string): Promise<(string | undefined)[]> {
  const store = await newStore(dir);
  const all = await store.readAll(PRINTS);
  await store.close();
  return all.map((record) => record?.outputs.out?.digest);
}

const RIGHT = PRINTS.map((fingerprint, i) => hashOf(result(i, fingerprint).text));
const rightBut = (...lost: number[]) => RIGHT.map((digest, i) => (lost.includes(i) ? undefined : digest));
const recordPath = (dir: string, i: number) =>
  join(dir, 'records', PRINTS[i]!.slice(0, 2), `${PRINTS[i]}.json`);
const blobPath = (dir: string, i: number) => join(dir, 'blobs', RIGHT[i]!.slice(0, 2), RIGHT[i]!);
const indexFiles = (dir: string) => readdirSync(join(dir, 'index')).map((name) => join(dir, 'index', name));

function replaced(bytes: Buffer, from: Buffer, to: Buffer): Buffer {
  const place = bytes.indexOf(from);
  expect(place).toBeGreaterThan(0);
  return Buffer.concat([bytes.subarray(0, place), to, bytes.subarray(place + from.length)]);
}

/** The bytes with another number so many bytes after a fingerprint. */
function at(bytes: Buffer, fingerprint: string, offset: number, number: number): Buffer {
  const changed = Buffer.from(bytes);
  changed.writeUInt32LE(number, changed.indexOf(fingerprint, 'hex') + offset);
  return changed;
}

describe('many records read at once', () => {
  let dir: string;
  beforeEach(async () => {
    dir = await filledStore();
    expect(await found(dir)).toEqual(RIGHT);
    expect(indexFiles(dir)).toHaveLength(1);
  });

  it('come from the index the next time, which stays as it is', async () => {
    const [path] = indexFiles(dir);
    const before = readFileSync(path!);
    expect(await found(dir)).toEqual(RIGHT);
    expect(indexFiles(dir)).toEqual([path]);
    expect(readFileSync(path!).equals(before)).toBe(true);
    for (const fingerprint of PRINTS) expect(before.includes(fingerprint, 'hex')).toBe(true);
  });

  it('are each what reading it alone gives', async () => {
    const store = await newStore(dir);
    const all = await store.readAll([...PRINTS, print('no task')]);
    for (const [i, fingerprint] of PRINTS.entries()) {
      if (i % 100 > 0) continue;
      const { outputs, lists } = (await store.read(fingerprint))!;
      expect({ outputs: all[i]!.outputs, lists: all[i]!.lists }).toEqual({ outputs, lists });
    }
    expect(all[MANY]).toBeUndefined();
  });

  it('are missed when their file is gone, cut or replaced by other bytes', async () => {
    rmSync(recordPath(dir, 3));
    truncateSync(recordPath(dir, 5), 100);
    writeFileSync(recordPath(dir, 7), readFileSync(recordPath(dir, 7), 'utf8').replace('score', 'SCORE'));
    expect(await found(dir)).toEqual(rightBut(3, 5, 7));
  });

  it('are missed when a blob is gone, cut or grown', async () => {
    rmSync(blobPath(dir, 3));
    truncateSync(blobPath(dir, 5), 1);
    writeFileSync(blobPath(dir, 7), 'longer than it should be');
    rmSync(blobPath(dir, 9));
    await writeFiles(blobPath(dir, 9), { inside: 'a folder in its place' });
    expect(await found(dir)).toEqual(rightBut(3, 5, 7, 9));
  });

  it('follow a record that another one took the place of', async () => {
    const { text } = result(11, PRINTS[11]!);
    const out: Artifact = { kind: 'file', digest: hashOf(text), bytes: text.length };
    writeFileSync(join(dir, 'new'), recordText(recordOf(PRINTS[4]!, { out })));
    renameSync(join(dir, 'new'), recordPath(dir, 4));
    expect(await found(dir)).toEqual(RIGHT.with(4, RIGHT[11]!));
  });

  it('are the same from a damaged, foreign or lost index', async () => {
    const [path] = indexFiles(dir);
    const good = readFileSync(path!);
    const damaged = [
      replaced(good, Buffer.from(RIGHT[3]!, 'hex'), Buffer.from(RIGHT[5]!, 'hex')),
      good.subarray(0, good.length / 2),
      Buffer.alloc(0),
      Buffer.concat([good, Buffer.from('x')]),
      replaced(good, Buffer.from('records 2'), Buffer.from('records 3')),
    ];
    for (const bytes of damaged) {
      for (const each of indexFiles(dir)) rmSync(each);
      writeFileSync(path!, bytes);
      expect(await found(dir)).toEqual(RIGHT);
      expect(indexFiles(dir)).toHaveLength(1);
      expect(indexFiles(dir)).not.toEqual([path]);
    }
    rmSync(join(dir, 'index'), { recursive: true });
    writeFileSync(join(dir, 'index'), 'a file in its place');
    expect(await found(dir)).toEqual(RIGHT);
    rmSync(join(dir, 'index'));
    expect(await found(dir)).toEqual(RIGHT);
    expect(indexFiles(dir)).toHaveLength(1);
  });

  it('are the same from an index with a right checksum that says what cannot be', async () => {
    const [path] = indexFiles(dir);
    const good = readFileSync(path!);
    const secret = Buffer.from('"../x"');
    const wrong = [
      replaced(good, Buffer.from('"file"'), secret),
      replaced(good, Buffer.from('"lists"'), Buffer.from('"liszt"')),
      // The number of an entry's shape, and of its artifacts.
      at(good, PRINTS[3]!, 56, 7),
      at(good, PRINTS[3]!, 60, 2),
      // What a file is held to be like.
      at(good, PRINTS[3]!, 40, 0),
    ];
    for (const bytes of wrong) {
      for (const each of indexFiles(dir)) rmSync(each);
      bytes.write(hashOf(bytes.subarray(80)), 15, 'latin1');
      writeFileSync(path!, bytes);
      expect(await found(dir)).toEqual(RIGHT);
    }
  });

  it('include results that a run has just made, and folders with all their files', async () => {
    const store = await newStore(dir);
    const out = await putFolder(store, { a: 'first', b: 'second' });
    await store.commit(recordOf(print('folder'), { out }));
    const all = await store.readAll([...PRINTS, print('folder')]);
    expect(all.at(-1)?.outputs).toEqual({ out });
    rmSync(store.blobPath(hashOf('second')));
    expect((await store.readAll([...PRINTS, print('folder')])).at(-1)).toBeUndefined();
  });

  it('that gc removed are missed, and the index goes with them', async () => {
    const store = await newStore(dir);
    expect((await store.gc({ yes: true })).records).toBe(MANY);
    expect(readdirSync(dir)).not.toContain('index');
    await store.close();
    expect(await found(dir)).toEqual(PRINTS.map(() => undefined));
  });

  it('are kept from gc by a process that found them in the index', async () => {
    const reader = await newStore(dir);
    await reader.readAll(PRINTS);
    const other = await newStore(dir);
    expect((await other.gc({ yes: true })).records).toBe(0);
  });
});

it.each(['index:before', 'index:written'])('a process killed with -9 at %s does no harm', async (pauseAt) => {
  const dir = await filledStore();
  const child = startChild('readAll', [dir, PRINTS], { pauseAt });
  await child.says(pauseAt);
  await child.kill();
  expect(readdirSync(dir).includes('index')).toBe(pauseAt === 'index:written');
  expect(await found(dir)).toEqual(RIGHT);
  expect(indexFiles(dir)).toHaveLength(1);
});

it('two processes that write the index at once leave one that is right', async () => {
  const dir = await filledStore();
  const stores: Store[] = [await newStore(dir), await newStore(dir)];
  for (const store of stores) await store.readAll(PRINTS);
  await Promise.all(stores.map((store) => store.close()));
  expect(await found(dir)).toEqual(RIGHT);
});

it('a thread looks at the files of very many records, with the same result', async () => {
  const dir = await filledStore();
  const often = Array.from({ length: 10 }, () => PRINTS).flat();
  const right = Array.from({ length: 10 }, () => RIGHT).flat();
  expect(await found(dir)).toEqual(RIGHT);
  rmSync(recordPath(dir, 3));
  truncateSync(blobPath(dir, 5), 1);
  const store = await newStore(dir);
  const all = await store.readAll(often);
  expect(all.map((record) => record?.outputs.out?.digest)).toEqual(
    right.map((digest, i) => (i % MANY === 3 || i % MANY === 5 ? undefined : digest)),
  );
});
