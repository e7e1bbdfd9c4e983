import { createHash } from 'node:crypto';
import { type FileHandle, lstat, open, readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { UserError } from '../common/errors.ts';
import { sha256 } from '../common/json.ts';
import {
  type ArchiveList,
  BLOCK,
  LIST_NAME,
  listText,
  type Member,
  membersOf,
  padded,
  tarHeader,
} from './archive.ts';
import { type Blobs, identity } from './blobs.ts';
import { type Closure, closureOf } from './closure.ts';
import { explain, isMissing } from './failures.ts';
import { randomName, syncFolder, withFile } from './files.ts';
import type { Folders } from './folders.ts';
import { names, parseRecord, type Records, textNow } from './records.ts';
import { newestComplete } from './runs.ts';
import { CorruptBlob, type Runs, type StoredRun } from './types.ts';

export interface Exported {
  readonly run: string;
  /** Absolute path of the archive. */
  readonly file: string;
  readonly records: number;
  readonly blobs: number;
  /** Size of the archive. */
  readonly bytes: number;
}

interface Parts {
  readonly blobs: Blobs;
  readonly folders: Folders;
  readonly records: Records;
  readonly runs: Runs;
}

/** Files of a run's folder that mean something only where the run was made. */
const LOCAL = new Set(['owner.json', 'imported.json']);
const CHUNK = 1 << 20;

/**
 * Writes a run, with its results, as one tar (see archive.ts). The bytes depend on the run alone. Every blob is hashed on
 * the way. Under its name the archive is either whole or not there.
 *
 * @param id default: the newest complete run
 */
export async function exportRun(parts: Parts, to: string, id?: string): Promise<Exported> {
  const run = await wanted(parts.runs, id);
  const { read } = parts.records;
  const closure = await closureOf({ read, manifest: parts.folders.manifest }, await run.fingerprints());
  if (closure.missing.length > 0) throw incomplete(run, closure);
  const small = await smallMembers(parts, run, closure);
  const list: ArchiveList = { run: run.id, ...small.listed, blobs: Object.fromEntries(closure.blobs) };
  const file = resolve(to);
  const via = join(dirname(file), `.${basename(file)}.${randomName()}.partial`);
  try {
    const bytes = await withFile(via, 'wx', async (archive) => {
      const written = await writeArchive(archive, list, small.contents, parts.blobs);
      await archive.sync();
      return written;
    });
    await rename(via, file);
    await syncFolder(dirname(file));
    return { run: run.id, file, records: closure.records.length, blobs: closure.blobs.size, bytes };
  } catch (error) {
    await rm(via, { force: true }).catch(() => undefined);
    if (error instanceof CorruptBlob) throw damaged(error);
    if (isMissing(error)) {
      throw new UserError(
        `${file} can't be written: the folder ${dirname(file)} doesn't exist. Make it first.`,
      );
    }
    throw explain(error, file);
  }
}

async function wanted(runs: Runs, id: string | undefined): Promise<StoredRun> {
  const run = id === undefined ? await newestComplete(runs) : await runs.open(id);
  if (run === undefined) {
    throw new UserError(
      id === undefined
        ? 'The store holds no complete run yet. Run "mis run" first, or name a run ("mis runs" lists them).'
        : `There is no run ${id} in the store. "mis runs" lists them.`,
    );
  }
  if (run.state === 'running')
    throw new UserError(`Run ${run.id} is still going on. Export it when it is done.`);
  return run;
}

function incomplete(run: StoredRun, { missing, records }: Closure): UserError {
  return new UserError(
    `${missing.length} of the ${missing.length + records.length} results of run ${run.id} are no longer in the store ` +
      '(removed by "mis gc", or found damaged). Run it again with its config, and export that run.',
  );
}

function damaged(error: CorruptBlob): UserError {
  return new UserError(
    `${error.message} Nothing was exported: do "mis run" first, "mis verify" to see what else is damaged.`,
  );
}

/** What fits in memory: the run's files and the records, checked. */
async function smallMembers(parts: Parts, run: StoredRun, { records }: Closure) {
  const contents = new Map<string, Buffer>();
  const listed: Pick<ArchiveList, 'files' | 'records'> = { files: {}, records: {} };
  for (const name of (await names(run.dir)).sort()) {
    const path = join(run.dir, name);
    if (LOCAL.has(name) || name.startsWith('.') || !(await lstat(path)).isFile()) continue;
    const bytes = await readFile(path);
    contents.set(`file ${name}`, bytes);
    listed.files[name] = { digest: sha256(bytes), bytes: bytes.length };
  }
  for (const { fingerprint } of records) {
    const text = textNow(parts.records.pathOf(fingerprint)) ?? '';
    if (typeof parseRecord(text, fingerprint) === 'string') {
      throw new UserError(
        `The result ${fingerprint} was removed or changed while it was exported. Try again.`,
      );
    }
    const bytes = Buffer.from(text);
    contents.set(`record ${fingerprint}`, bytes);
    listed.records[fingerprint] = { digest: sha256(bytes), bytes: bytes.length };
  }
  return { contents, listed };
}

async function writeArchive(
  archive: FileHandle,
  list: ArchiveList,
  contents: ReadonlyMap<string, Buffer>,
  blobs: Blobs,
): Promise<number> {
  let written = 0;
  const write = async (bytes: Buffer): Promise<void> => {
    await archive.writeFile(bytes);
    written += bytes.length;
  };
  const text = Buffer.from(listText(list));
  await write(tarHeader(LIST_NAME, text.length));
  await write(filled(text));
  for (const member of membersOf(list)) {
    await write(tarHeader(member.name, member.bytes));
    const held = contents.get(`${member.kind} ${member.key}`);
    if (held) await write(filled(held));
    else await copyBlob(member, blobs, write);
  }
  await write(Buffer.alloc(2 * BLOCK));
  return written;
}

function filled(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(padded(bytes.length) - bytes.length)]);
}

/** Copies a blob into the archive in pieces of 1 MiB; one with wrong bytes is set aside, and CorruptBlob thrown. */
async function copyBlob(
  member: Member,
  blobs: Blobs,
  write: (bytes: Buffer) => Promise<void>,
): Promise<void> {
  const path = blobs.pathOf(member.key);
  const hash = createHash('sha256');
  const file = await open(path, 'r').catch((error) => {
    throw isMissing(error) ? new CorruptBlob(member.key, path, 'is gone') : explain(error, path);
  });
  try {
    const seen = identity(await file.stat({ bigint: true }));
    const buffer = Buffer.allocUnsafe(CHUNK);
    let done = 0;
    while (done < member.bytes) {
      const { bytesRead } = await file.read(buffer, 0, Math.min(CHUNK, member.bytes - done), done);
      if (bytesRead === 0) break;
      const piece = buffer.subarray(0, bytesRead);
      hash.update(piece);
      await write(piece);
      done += bytesRead;
    }
    if (hash.digest('hex') !== member.digest) {
      await blobs.dropBad(member.key, seen);
      throw new CorruptBlob(member.key, path, "doesn't have the digest in its name");
    }
    await write(Buffer.alloc(padded(done) - done));
  } finally {
    await file.close();
  }
}
