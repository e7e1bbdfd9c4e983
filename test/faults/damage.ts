import {
  chmodSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Manifest } from '../../cache/types.ts';
import type { Stream } from '../../stats/random.ts';
import { blobPath, filesIn, outputsOf, readRecord, recordPath, recordsOf } from './results.ts';

/** What was done to a store, and which records may therefore be made again. */
export interface Damage {
  readonly what: string;
  /** Name of the blob or record that was harmed: it is torn until a run needs it. */
  readonly name: string;
  readonly lost: readonly string[];
}

/** Harms a store in which nothing runs, in one of the ways that a run finds by itself; undefined when it is empty. */
export function damage(store: string, random: Stream): Damage | undefined {
  const records = recordsOf(store).whole;
  const blobs = filesIn(join(store, 'blobs'));
  if (records.length === 0 || blobs.length === 0) return undefined;
  const fingerprint = records[random.below(records.length)] as string;
  const blob = join(store, 'blobs', blobs[random.below(blobs.length)] as string);
  const digest = blob.slice(-64);
  switch (random.below(4)) {
    case 0:
      rmSync(blob);
      return { what: 'blob deleted', name: digest, lost: recordsNaming(store, digest) };
    case 1: {
      const lost = recordsNaming(store, digest);
      chmodSync(blob, 0o644);
      truncateSync(blob, Math.floor(statSync(blob).size / 2));
      return { what: 'blob truncated', name: digest, lost };
    }
    case 2:
      truncateSync(
        recordPath(store, fingerprint),
        random.below(statSync(recordPath(store, fingerprint)).size),
      );
      return { what: 'record truncated', name: fingerprint, lost: [fingerprint] };
    default:
      writeFileSync(join(store, 'locks', `${fingerprint}.lock`), deadOwner());
      rmSync(recordPath(store, fingerprint));
      return {
        what: 'record deleted, lock of a dead process in its place',
        name: fingerprint,
        lost: [fingerprint],
      };
  }
}

/** Records that name a blob, themselves or in the manifest of a folder. */
export function recordsNaming(store: string, digest: string): string[] {
  return recordsOf(store).whole.filter((fingerprint) => {
    const record = readRecord(store, fingerprint);
    if (typeof record === 'string') return false;
    return outputsOf(record).some(([, artifact]) => {
      if (artifact.digest === digest) return true;
      if (artifact.kind === 'file') return false;
      const path = blobPath(store, artifact.digest);
      if (!filesIn(join(path, '..')).includes(artifact.digest)) return true;
      const manifest = JSON.parse(readFileSync(path, 'utf8')) as Manifest;
      return Object.values(manifest).some((entry) => entry.digest === digest);
    });
  });
}

/** A lock's text whose process number is this process's, but of one that started long before: used again since. */
export function deadOwner(changes: object = {}): string {
  const text = (path: string) => readFileSync(path, 'latin1').trim();
  return JSON.stringify({
    host: hostname(),
    pid: process.pid,
    thread: 0,
    started: '1',
    boot: text('/proc/sys/kernel/random/boot_id'),
    namespace: readlinkSync('/proc/self/ns/pid'),
    nonce: 'aaaaaaaaaa',
    since: new Date(0).toISOString(),
    ...changes,
  });
}
