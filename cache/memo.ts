import { readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { UserError } from '../common/errors.ts';
import type { Json } from '../common/json.ts';
import { explained, isMissing } from './failures.ts';
import { hashHandle, withFile, writeWhole } from './files.ts';
import type { Session } from './session.ts';
import type { FileDigest, Memo } from './types.ts';

/** A memo that grew beyond this drops its oldest entries. */
const MOST_ENTRIES = 200_000;
const MOST_CHARACTERS = 1 << 26;

interface OpenMemo extends Memo {
  save(session: Session): Promise<void>;
}

export interface Memos {
  open(name: string): Memo;
  save(): Promise<void>;
}

/** Small persistent maps, one JSON file each: read at first use, written whole when the store closes. */
export function createMemos(dir: string, session: Session): Memos {
  const opened = new Map<string, OpenMemo>();
  return {
    open(name) {
      if (!/^[A-Za-z0-9_-]+$/.test(name)) throw new Error(`not a memo's name: ${name}`);
      let memo = opened.get(name);
      if (memo === undefined) {
        memo = createMemo(join(dir, `${name}.json`));
        opened.set(name, memo);
      }
      return memo;
    },
    async save() {
      for (const memo of opened.values()) await memo.save(session);
    },
  };
}

/** Reads a memo's file at first use, without a store around it. */
export function readMemo(path: string): (key: string) => Json | undefined {
  let kept: Map<string, Json> | undefined;
  return (key) => {
    kept ??= load(path);
    return kept.get(key);
  };
}

function createMemo(path: string): OpenMemo {
  let kept: Map<string, Json> | undefined;
  const added = new Map<string, Json>();
  return {
    get(key) {
      kept ??= load(path);
      return added.get(key) ?? kept.get(key);
    },
    set(key, value) {
      added.set(key, value);
    },
    /** Adds to what others have written since. A memo that can't be saved is no failure: it only saves time. */
    async save(session) {
      if (added.size === 0) return;
      const all = load(path);
      for (const [key, value] of added) {
        all.delete(key);
        all.set(key, value);
      }
      let entries = [...all].slice(-MOST_ENTRIES);
      let text = JSON.stringify(entries);
      while (text.length > MOST_CHARACTERS) {
        entries = entries.slice(Math.ceil(entries.length / 2));
        text = JSON.stringify(entries);
      }
      try {
        await writeWhole(path, await session.path(), text);
      } catch {
        return;
      }
      added.clear();
    },
  };
}

/** The entries of a memo's file, oldest first; none when it is missing or spoilt. */
function load(path: string): Map<string, Json> {
  try {
    const entries: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (
      !Array.isArray(entries) ||
      !entries.every((entry) => Array.isArray(entry) && typeof entry[0] === 'string')
    ) {
      return new Map();
    }
    return new Map(entries as [string, Json][]);
  } catch {
    return new Map();
  }
}

/**
 * A file changed so shortly before it is looked at could change again without a new time ("racily clean"): such a
 * digest isn't remembered. Two seconds cover the coarsest clocks of file systems in use.
 */
const RACY_MS = 2_000;

/**
 * SHA-256 of a file, remembered by path, size, modification and change time (ns) and inode.
 * UserError when it is missing or changes while it is read.
 */
export async function digestFile(path: string, memo: Memo): Promise<FileDigest> {
  const full = resolve(path);
  const before = await look(full);
  const known = memo.get(full) as { is: string; digest: string; bytes: number } | undefined;
  if (known?.is === before.is) return { digest: known.digest, bytes: known.bytes };
  const found = await explained(full, () => withFile(full, 'r', hashHandle));
  const after = await look(full);
  if (after.is !== before.is || after.bytes !== found.bytes) {
    throw new UserError(
      `${full} changed while it was read. Let the program that writes it finish, then run again.`,
    );
  }
  if (Date.now() - after.changedMs > RACY_MS) memo.set(full, { is: after.is, ...found });
  return found;
}

async function look(path: string): Promise<{ is: string; bytes: number; changedMs: number }> {
  const info = await explained(path, async () => statSync(path, { bigint: true })).catch((error) => {
    throw isMissing(error)
      ? new UserError(`${path} doesn't exist. Check the path, or bring the file there.`)
      : error;
  });
  if (!info.isFile()) throw new UserError(`${path} is not a file. Give the path of one.`);
  return {
    is: `${info.size}:${info.mtimeNs}:${info.ctimeNs}:${info.ino}`,
    bytes: Number(info.size),
    changedMs: Math.max(Number(info.mtimeMs), Number(info.ctimeMs)),
  };
}
