import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { randomName } from '../files.ts';
import { textNow } from '../records.ts';
import type { Record } from '../types.ts';
import { arrivedRecord } from './layout.ts';

/**
 * Records of a remote whose files aren't all here yet: `promised/<remote>/ab/<fingerprint>.json` in the store. Kept apart
 * from `records/`, where a record stands for files that are here. May be lost at any time: then the remote is asked again.
 */
export interface Promised {
  read(fingerprint: string): Record | undefined;
  keep(fingerprint: string, text: string): Promise<void>;
  forget(fingerprint: string): Promise<void>;
}

export function createPromised(storeDir: string, remoteId: string): Promised {
  const dir = join(storeDir, 'promised', remoteId);
  const pathOf = (fingerprint: string): string => join(dir, fingerprint.slice(0, 2), `${fingerprint}.json`);

  return {
    read(fingerprint) {
      const text = textNow(pathOf(fingerprint));
      const record = text === undefined ? undefined : arrivedRecord(text, fingerprint);
      return record === 'bad' ? undefined : record;
    },
    /** A promise that can't be kept (disk full) is no failure: it only saves a question. */
    async keep(fingerprint, text) {
      const path = pathOf(fingerprint);
      const via = `${path}-${randomName()}`;
      try {
        await mkdir(dirname(path), { recursive: true });
        await writeFile(via, text);
        await rename(via, path);
      } catch {
        await rm(via, { force: true }).catch(() => undefined);
      }
    },
    async forget(fingerprint) {
      await rm(pathOf(fingerprint), { force: true }).catch(() => undefined);
    },
  };
}
