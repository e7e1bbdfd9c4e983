import { readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type FileLook, randomName, writeWhole } from './files.ts';
import { type IndexFile, indexText, readIndexFile } from './index-file.ts';
import { point } from './points.ts';
import { isPutOut } from './records.ts';
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
  find(fingerprint: string): Entry | undefined;
  /** Notes a record that was read from a file, or written to it. */
  add(fingerprint: string, file: FileLook, record: PutOut): void;
  /** Keeps what was noted, if it is enough to be worth it. Failing is no failure. */
  save(): Promise<void>;
  /** Forgets everything that is kept. */
  clear(): Promise<void>;
}

/** What is kept of a record, and which file it was that held it: the record's own must still be that one. */
export interface Entry {
  readonly file: FileLook;
  readonly record: PutOut;
}

/** Fewer records than this are read from their own files as fast as the index is; so many it takes to write to it. */
const FEW = 250;
const MANY = 1000;
/** Entries of one file; those with fewer are put together when there is something to add. */
const FULL = 1 << 16;

/**
 * `index/<time>-<random>`, see {@link indexText}. The text of an entry is
 * `[inode,size,mtime ms,{outputs},{lists}]` (without lists where there are none). Written whole and never changed; of two
 * entries of one record the one in the later file counts.
 */
export function createRecordIndex(dir: string, session: Session): RecordIndex {
  /** By name, the latest first. */
  let files: ReadonlyMap<string, IndexFile | undefined> | undefined;
  const added = new Map<string, string>();

  function kept(fingerprint: string): string | undefined {
    files ??= new Map(namesIn(dir).map((name) => [name, readIndexFile(join(dir, name))]));
    for (const file of files.values()) {
      const text = file?.find(fingerprint);
      if (text !== undefined) return text;
    }
    return undefined;
  }

  return {
    isWorth: (records) => files !== undefined || records >= FEW,
    find(fingerprint) {
      const text = added.get(fingerprint) ?? kept(fingerprint);
      return text === undefined ? undefined : entryIn(text);
    },
    add(fingerprint, { ino, size, mtimeMs }, { outputs, lists }) {
      const entry = [ino, size, mtimeMs, outputs, ...(Object.keys(lists).length > 0 ? [lists] : [])];
      added.set(fingerprint, JSON.stringify(entry));
    },
    async save() {
      if (added.size < MANY) return;
      for (const [fingerprint, text] of added) if (kept(fingerprint) === text) added.delete(fingerprint);
      if (added.size < MANY) return;
      const small = [...files!].filter(([, file]) => (file?.count ?? 0) < FULL / 2).reverse();
      const all = new Map(small.flatMap(([, file]) => file?.lines() ?? []));
      for (const [fingerprint, text] of added) all.set(fingerprint, text);
      try {
        await point('index:before');
        const entries = [...all];
        for (let at = 0; at < entries.length; at += FULL) {
          const name = `${Date.now()}-${String(at).padStart(9, '0')}-${randomName()}`;
          await writeWhole(join(dir, name), await session.path(), indexText(entries.slice(at, at + FULL)));
        }
        await point('index:written');
        for (const [name] of small) await rm(join(dir, name), { force: true });
      } catch {
        return;
      }
      added.clear();
    },
    async clear() {
      await rm(dir, { recursive: true, force: true }).catch(() => undefined);
    },
  };
}

/** The latest first. */
function namesIn(dir: string): string[] {
  try {
    return readdirSync(dir).sort().reverse();
  } catch {
    return [];
  }
}

const NO_LISTS: PutOut['lists'] = {};

/** Undefined where it isn't one: a store can be another's. */
function entryIn(text: string): Entry | undefined {
  try {
    const [ino, size, mtimeMs, outputs, lists = NO_LISTS] = JSON.parse(text);
    const record: PutOut = { outputs, lists };
    return isPutOut(record) ? { file: { ino, size, mtimeMs }, record } : undefined;
  } catch {
    return undefined;
  }
}
