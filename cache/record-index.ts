import { readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type FileLook, randomName, writeWhole } from './files.ts';
import { ENTRY } from './index-entry.mjs';
import { type IndexFile, newEntries, readIndexFile } from './index-file.ts';
import { IndexedRecord } from './indexed-record.ts';
import { point } from './points.ts';
import type { Session } from './session.ts';
import type { PutOut } from './types.ts';

/**
 * What records put out, of many in a few files, so that a run over a large graph needn't open each record's. Only ever a
 * shortcut: an entry counts while the record's own file is there and is the one that the entry was made from, by inode,
 * size and modification time. It may be lost, damaged or out of date at any time, and several processes may write to it.
 */
export interface RecordIndex {
  /** Whether asking for so many records is worth loading it. */
  isWorth(records: number): boolean;
  /** Its files, the oldest first. */
  files(): readonly IndexFile[];
  /** The number of a record's entry, -1 where there is none. */
  find(fingerprint: string): number;
  /** The file that has an entry, and where it begins there. */
  placeOf(entry: number): readonly [file: number, start: number];
  record(entry: number): IndexedRecord;
  /** Notes a record that was read from a file, or written to it. */
  add(fingerprint: string, file: FileLook, record: PutOut): void;
  /** Keeps what was noted, if it is enough to be worth it. Failing is no failure. */
  save(): Promise<void>;
  /** Forgets everything that is kept. */
  clear(): Promise<void>;
}

/** Fewer records than this are read from their own files as fast as the index is; so many it takes to write to it. */
const FEW = 250;
const MANY = 1000;
/** Entries of one file; those with fewer are put together when there is something to add. */
const FULL = 1 << 16;

/** `index/<time>-<random>`, see {@link readIndexFile}. Written whole and never changed. */
export function createRecordIndex(dir: string, session: Session): RecordIndex {
  const added = newEntries();
  let known: Loaded | undefined;
  const loaded = (): Loaded => {
    known ??= load(dir);
    return known;
  };
  const index: RecordIndex = {
    isWorth: (records) => known !== undefined || records >= FEW,
    files: () => loaded().files,
    find: (fingerprint) => loaded().find(fingerprint),
    placeOf: (entry) => loaded().placeOf(entry),
    record(entry) {
      const [file, start] = loaded().placeOf(entry);
      return new IndexedRecord(loaded().files[file]!, start);
    },
    add(fingerprint, file, record) {
      if (!isKept(fingerprint, file)) added.add(fingerprint, file, record);
    },
    async save() {
      if (added.count < MANY) return;
      const small = loaded().files.flatMap((file, i) =>
        file.starts.length < FULL / 2 ? [{ file, name: loaded().names[i]! }] : [],
      );
      for (const { file } of small.toReversed())
        for (const start of file.starts.toReversed()) added.copy(file, start);
      try {
        await point('index:before');
        for (const [i, bytes] of added.files(FULL).entries()) {
          const name = `${Date.now()}-${String(i).padStart(9, '0')}-${randomName()}`;
          await writeWhole(join(dir, name), await session.path(), bytes);
        }
        await point('index:written');
        for (const { name } of [...small, ...loaded().spoilt.map((name) => ({ name }))])
          await rm(join(dir, name), { force: true });
      } catch {
        return;
      }
    },
    async clear() {
      await rm(dir, { recursive: true, force: true }).catch(() => undefined);
    },
  };
  return index;

  function isKept(fingerprint: string, { ino, size, mtimeMs }: FileLook): boolean {
    const entry = index.find(fingerprint);
    if (entry === -1) return false;
    const [file, start] = index.placeOf(entry);
    const { numbers } = index.files()[file]!;
    const at = (start + ENTRY.file) / 8;
    return numbers[at] === ino && numbers[at + 1] === size && numbers[at + 2] === mtimeMs;
  }
}

interface Loaded extends Pick<RecordIndex, 'find' | 'placeOf'> {
  readonly files: readonly IndexFile[];
  /** Of each file. */
  readonly names: readonly string[];
  /** Names of those that are no such file. */
  readonly spoilt: readonly string[];
}

function load(dir: string): Loaded {
  const all = namesIn(dir).map((name) => ({ name, file: readIndexFile(join(dir, name)) }));
  const whole = all.flatMap(({ name, file }) => (file ? [{ name, file }] : []));
  const files = whole.map(({ file }) => file);
  const spoilt = all.flatMap(({ name, file }) => (file ? [] : [name]));
  return { files, names: whole.map(({ name }) => name), spoilt, ...finderIn(files) };
}

/** The oldest first. */
function namesIn(dir: string): string[] {
  try {
    return readdirSync(dir).sort();
  } catch {
    return [];
  }
}

/** Finds entries in a table over all files; of two of one record the later one in the later file. */
function finderIn(files: readonly IndexFile[]): Pick<RecordIndex, 'find' | 'placeOf'> {
  const firsts: number[] = [];
  let count = 0;
  for (const { starts } of files) {
    firsts.push(count);
    count += starts.length;
  }
  const mask = 2 ** Math.ceil(Math.log2(2 * count + 1)) - 1;
  /** Of each place the number of an entry and one more, 0 where it is free; the next free one is taken. */
  const table = new Int32Array(mask + 1);
  const placeOf = (entry: number): [number, number] => {
    let file = files.length - 1;
    while (firsts[file]! > entry) file--;
    return [file, files[file]!.starts[entry - firsts[file]!]!];
  };
  // From the end, so that of two entries of one record the later one is met first.
  for (let file = files.length - 1; file >= 0; file--) {
    const { words, starts } = files[file]!;
    for (let i = starts.length - 1; i >= 0; i--) {
      let place = words[starts[i]! / 4]! & mask;
      while (table[place] !== 0) place = (place + 1) & mask;
      table[place] = firsts[file]! + i + 1;
    }
  }
  const wanted = new Int32Array(8);
  const bytes = Buffer.from(wanted.buffer);
  const find = (fingerprint: string): number => {
    if (fingerprint.length !== 64 || bytes.write(fingerprint, 'hex') !== 32) return -1;
    for (let place = wanted[0]! & mask; table[place] !== 0; place = (place + 1) & mask) {
      const entry = table[place]! - 1;
      const [file, start] = placeOf(entry);
      if (isAt(wanted, files[file]!.words, start / 4)) return entry;
    }
    return -1;
  };
  return { find, placeOf };
}

function isAt(wanted: Int32Array, words: Int32Array, at: number): boolean {
  for (let i = 0; i < wanted.length; i++) if (words[at + i] !== wanted[i]) return false;
  return true;
}
