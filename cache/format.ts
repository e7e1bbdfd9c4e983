import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../common/errors.ts';
import { checkWritable } from './blobs.ts';
import { codeOf, explain, isMissing } from './failures.ts';
import { makeFolder, makeStoreFolder, randomName, writeWhole } from './files.ts';

/** Version of the store's layout, kept in its file `format`. */
const STORE_FORMAT = 1;
const FOLDERS = ['blobs', 'records', 'locks', 'tmp', 'runs', 'memo', 'pins', 'quarantine'];
/** What may lie in a folder that is to become a store: our own, from a start that was cut off, and the system's. */
const HARMLESS = new Set([...FOLDERS, 'index', '.gitignore', 'lost+found', '.DS_Store']);

/**
 * Makes sure that the folder is a store of this version; makes one of a missing or empty folder. Several processes may do
 * so at once.
 */
export async function ensureStore(dir: string): Promise<void> {
  const marker = join(dir, 'format');
  const text = await readMarker(marker);
  if (text === undefined) await create(dir, marker);
  else check(dir, text);
  await checkWritable(dir);
}

async function readMarker(marker: string): Promise<string | undefined> {
  try {
    return await readFile(marker, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    if (codeOf(error) === 'ENOTDIR') return '';
    throw explain(error, marker);
  }
}

function check(dir: string, text: string): void {
  const version = Number(/^mis store (\d+)\n$/.exec(text)?.[1]);
  if (version === STORE_FORMAT) return;
  if (version > STORE_FORMAT) {
    throw new UserError(
      `The store ${dir} was made by a newer version of this program (format ${version}, this one knows ` +
        `${STORE_FORMAT}). Use that version, or another folder with --store DIR.`,
    );
  }
  throw notAStore(dir);
}

function notAStore(dir: string): UserError {
  return new UserError(
    `${dir} holds something other than a store of this program, so nothing was written there. Give an empty folder or ` +
      'a new name with --store DIR.',
  );
}

async function create(dir: string, marker: string): Promise<void> {
  try {
    await makeFolder(dir);
    const found = await readdir(dir);
    const foreign = found.filter(
      (name) => !HARMLESS.has(name) && !name.startsWith('format') && !name.startsWith('.nfs'),
    );
    if (foreign.length > 0) throw notAStore(dir);
    for (const name of FOLDERS) await makeStoreFolder(join(dir, name));
    await writeFile(join(dir, '.gitignore'), '*\n');
    await writeWhole(marker, join(dir, `format-${randomName()}`), `mis store ${STORE_FORMAT}\n`);
  } catch (error) {
    if (['EEXIST', 'ENOTDIR'].includes(codeOf(error) ?? '')) throw notAStore(dir);
    if (isMissing(error))
      throw new UserError(`The store's folder ${dir} can't be made: ${(error as Error).message}.`);
    throw explain(error, dir);
  }
}
