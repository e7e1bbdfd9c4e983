import { join, resolve } from 'node:path';
import { sha256 } from '../common/json.ts';
import { createBlobs } from './blobs.ts';
import { createFolders } from './folders.ts';
import { ensureStore } from './format.ts';
import { createLocks } from './locks.ts';
import { createLooking } from './looking.ts';
import { createMemos, digestFile } from './memo.ts';
import { createPins } from './pins.ts';
import { isMaterialised, materialise } from './publish.ts';
import { readerOfAll } from './read-all.ts';
import { createRecordIndex } from './record-index.ts';
import { createRecords } from './records.ts';
import { createRuns } from './runs.ts';
import { createSession } from './session.ts';
import { createSweeping } from './sweeping.ts';
import type { Memo, Store } from './types.ts';

export type { Exported } from './export.ts';
export type { Imported } from './import.ts';
export type * from './types.ts';
export { CorruptBlob, RECORD_FORMAT } from './types.ts';
export type { Problem, VerifyOptions, VerifyResult } from './verify.ts';

/**
 * Opens the content-addressed store in a folder; creates it where there is none or an empty folder. Reads one small file,
 * whatever the store's size.
 * UserError: the folder can't be written, holds something else, or was made by a newer version.
 */
export async function openStore(path: string): Promise<Store> {
  const dir = resolve(path);
  await ensureStore(dir);
  const quarantine = join(dir, 'quarantine');
  const session = createSession(join(dir, 'tmp'));
  const locks = createLocks(join(dir, 'locks'), session);
  const sweeping = createSweeping(join(dir, 'locks'), locks);
  const blobs = createBlobs(join(dir, 'blobs'), quarantine, session, sweeping);
  const folders = createFolders(blobs, session);
  const index = createRecordIndex(join(dir, 'index'), session);
  const records = createRecords(join(dir, 'records'), quarantine, blobs, folders, session, sweeping, index);
  const looking = createLooking({ records: join(dir, 'records'), blobs: join(dir, 'blobs') });
  const memos = createMemos(join(dir, 'memo'), session);
  const runs = createRuns(join(dir, 'runs'), session);
  const pins = createPins(join(dir, 'pins'), runs, session);

  return {
    dir,
    runs,
    read: records.read,
    readAll: readerOfAll({ records, folders, session, sweeping, index, looking }),
    async *records() {
      for (const fingerprint of await records.all()) {
        const record = await records.peek(fingerprint);
        if (typeof record === 'object') yield record;
      }
    },
    commit: records.commit,
    put: async (from, kind) =>
      kind === 'folder' ? folders.put(from) : { kind, ...(await blobs.adopt(from)) },
    blobPath: blobs.pathOf,
    verified: (artifact) =>
      artifact.kind === 'folder'
        ? folders.verified(artifact)
        : blobs.verified(artifact.digest, artifact.bytes),
    bring: async () => undefined,
    manifest: folders.manifest,
    materialise: async (artifact, target, options) => {
      const entries = await folders.manifest(artifact);
      const key = `publish-${sha256(resolve(target))}`;
      return locks.withLock(key, () => materialise(artifact, entries, target, blobs), options);
    },
    isMaterialised,
    workspace: session.workspace,
    lock: locks.lock,
    withLock: locks.withLock,
    memo: (name) => memos.open(name) as Memo<never>,
    digestFile: (file) => digestFile(file, memos.open('digests')),
    // What most commands never do is loaded by those that do it.
    gc: async (options = {}) => {
      const { collectGarbage } = await import('./gc.ts');
      return collectGarbage({ dir, session, blobs, records, index, locks, sweeping, runs, pins }, options);
    },
    verify: async (options) => {
      const { verifyStore } = await import('./verify.ts');
      return verifyStore({ dir, blobs, folders, records, sweeping }, options);
    },
    exportRun: async (to, run) => {
      const { exportRun } = await import('./export.ts');
      return exportRun({ blobs, folders, records, runs }, to, run);
    },
    importArchive: async (from) => {
      const { importArchive } = await import('./import.ts');
      return importArchive({ dir, session, blobs, records, runs }, from);
    },
    pin: pins.pin,
    unpin: pins.unpin,
    pins: pins.pins,
    async close() {
      await memos.save();
      await looking.close();
      await index.save();
      await runs.close();
      await session.close();
    },
  };
}
