import { readdirSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256 } from '../common/json.ts';
import { type FileLook, randomName, writeWhole } from './files.ts';
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
const FORMAT = 1;
const HEAD = /^mis records (\d+) ([0-9a-f]{64})\n/;

/**
 * `index/<time>-<random>`: a head line with the SHA-256 of what follows, then a line a record:
 * `<fingerprint> [inode,size,mtime ms,{outputs},{lists}]` (without lists where there are none). Written whole and never
 * changed; of two entries of one record the one in the later file counts.
 */
export function createRecordIndex(dir: string, session: Session): RecordIndex {
  let files: Map<string, string[]> | undefined;
  let lines: Map<string, string> | undefined;
  const added = new Map<string, string>();

  function load(): Map<string, string> {
    if (lines) return lines;
    files = new Map();
    lines = new Map();
    for (const name of namesIn(dir)) {
      const own: string[] = [];
      for (const line of linesIn(join(dir, name))) {
        const fingerprint = line.slice(0, line.indexOf(' '));
        lines.set(fingerprint, line);
        own.push(fingerprint);
      }
      files.set(name, own);
    }
    return lines;
  }

  return {
    isWorth: (records) => lines !== undefined || records >= FEW,
    find(fingerprint) {
      const line = added.get(fingerprint) ?? load().get(fingerprint);
      return line === undefined ? undefined : entryIn(line);
    },
    add(fingerprint, { ino, size, mtimeMs }, { outputs, lists }) {
      const entry = [ino, size, mtimeMs, outputs, ...(Object.keys(lists).length > 0 ? [lists] : [])];
      added.set(fingerprint, `${fingerprint} ${JSON.stringify(entry)}`);
    },
    async save() {
      if (added.size < MANY) return;
      const known = load();
      for (const [fingerprint, line] of added) if (known.get(fingerprint) === line) added.delete(fingerprint);
      if (added.size < MANY) return;
      const small = [...files!].filter(([, own]) => own.length < FULL / 2);
      const all = new Map(
        small.flatMap(([, own]) =>
          own.map((fingerprint): [string, string] => [fingerprint, known.get(fingerprint)!]),
        ),
      );
      for (const [fingerprint, line] of added) all.set(fingerprint, line);
      try {
        await point('index:before');
        const entries = [...all.values()];
        for (let at = 0; at < entries.length; at += FULL) {
          const name = `${Date.now()}-${String(at).padStart(9, '0')}-${randomName()}`;
          await writeWhole(join(dir, name), await session.path(), textOf(entries.slice(at, at + FULL)));
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

function textOf(lines: readonly string[]): string {
  const body = lines.map((line) => `${line}\n`).join('');
  return `mis records ${FORMAT} ${sha256(body)}\n${body}`;
}

function namesIn(dir: string): string[] {
  try {
    return readdirSync(dir).sort();
  } catch {
    return [];
  }
}

/** The entries of a file; none of one that is cut, changed or of another version. */
function linesIn(path: string): string[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return [];
  }
  const head = HEAD.exec(text);
  if (Number(head?.[1]) !== FORMAT) return [];
  const body = text.slice(head![0].length);
  return sha256(body) === head![2] ? body.split('\n').slice(0, -1) : [];
}

const NO_LISTS: PutOut['lists'] = {};

/** Undefined where it isn't one: a store can be another's. */
function entryIn(line: string): Entry | undefined {
  try {
    const [ino, size, mtimeMs, outputs, lists = NO_LISTS] = JSON.parse(line.slice(line.indexOf(' ') + 1));
    const record: PutOut = { outputs, lists };
    return isPutOut(record) ? { file: { ino, size, mtimeMs }, record } : undefined;
  } catch {
    return undefined;
  }
}
