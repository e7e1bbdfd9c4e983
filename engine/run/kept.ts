import { mkdirSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { sha256 } from '../../common/json.ts';
import type { Job } from './job.ts';

/** The files that a stage keeps for itself from run to run, beside the store's other memos. */
export interface KeptFiles {
  path(name: string): string;
  /** Removes those of other versions of the stage, of the names that were asked for. */
  removeOld(): Promise<void>;
}

/** A file's name holds the stage, what was asked for and the stage's version: neither another stage nor other code sees it. */
export function keptFiles(storeDir: string, { entry, version }: Pick<Job, 'entry' | 'version'>): KeptFiles {
  const folder = join(storeDir, 'memo', 'kept');
  const stage = basename(dirname(entry)).replace(/[^A-Za-z0-9]/g, '_');
  const asked = new Set<string>();
  return {
    path(name) {
      mkdirSync(folder, { recursive: true });
      const file = `${stage}-${sha256(name).slice(0, 16)}-${version.slice(0, 16)}`;
      asked.add(file);
      return join(folder, file);
    },
    async removeOld() {
      for (const file of asked) {
        const prefix = file.slice(0, file.lastIndexOf('-') + 1);
        for (const other of await readdir(folder).catch(() => [])) {
          if (other.startsWith(prefix) && other !== file) await rm(join(folder, other), { force: true });
        }
      }
    },
  };
}
