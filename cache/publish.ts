import {
  chmod,
  copyFile,
  lstat,
  readdir,
  readFile,
  rename,
  rm,
  rmdir,
  stat,
  writeFile,
} from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { UserError } from '../common/errors.ts';
import type { Blobs } from './blobs.ts';
import { codeOf, explain, isMissing } from './failures.ts';
import { eachAtOnce, hashHandle, makeFolder, randomName, statNow, withFile } from './files.ts';
import { point } from './points.ts';
import type { Artifact, Manifest, Materialised } from './types.ts';

/**
 * Folder artifacts as folders that people open. `.mis-manifest.json` in the target says which files are ours, and how they
 * were when we wrote them; every other file there is foreign and left alone.
 */
const OURS = '.mis-manifest.json';
const TEMPORARY = '.mis-tmp-';
const WIDTH = 8;

interface OurFile {
  readonly digest: string;
  readonly bytes: number;
  /** Modification time in ns as we left it; empty while it is being written. */
  readonly mtime: string;
}

interface Published {
  readonly format: 1;
  /** Digest of the folder artifact; null while the target is on the way to it. */
  readonly digest: string | null;
  readonly files: { readonly [path: string]: OurFile };
}

/** Makes `target` hold the folder's files. UserError: a foreign file stands where one of ours belongs. */
export async function materialise(
  artifact: Artifact,
  entries: Manifest,
  target: string,
  blobs: Blobs,
): Promise<Materialised> {
  const dir = resolve(target);
  try {
    await makeFolder(dir);
    const before = await readPublished(dir);
    const ours = new Map(Object.entries(before?.files ?? {}));
    const files = new Map<string, OurFile>();
    const wanted = Object.entries(entries);
    await eachAtOnce(wanted, WIDTH, async ([path, entry]) => {
      const mtime = await mtimeIfRight(dir, path, entry, ours.get(path));
      if (mtime !== undefined) files.set(path, { ...entry, mtime });
    });
    const gone = [...ours].filter(([path]) => !Object.hasOwn(entries, path));
    const writing = wanted.filter(([path]) => !files.has(path));
    const kept = files.size;
    if (before?.digest === artifact.digest && gone.length + writing.length === 0)
      return { written: 0, kept, removed: 0 };

    const pending = writing.map(([path, entry]): [string, OurFile] => [path, { ...entry, mtime: '' }]);
    const underway = { ...before?.files, ...Object.fromEntries(files), ...Object.fromEntries(pending) };
    await writePublished(dir, { format: 1, digest: null, files: underway });
    await removeLeftovers(dir);
    let removed = 0;
    for (const [path, file] of gone) if (await removeOurs(dir, path, file)) removed += 1;
    await eachAtOnce(writing, WIDTH, async ([path, entry]) => {
      await point('materialise:file');
      files.set(path, { ...entry, mtime: await write(dir, path, entry.digest, blobs) });
      await point('materialise:written');
    });
    const sorted = Object.fromEntries(wanted.map(([path]) => [path, files.get(path) as OurFile]));
    await writePublished(dir, { format: 1, digest: artifact.digest, files: sorted });
    return { written: writing.length, kept, removed };
  } catch (error) {
    if (codeOf(error) === 'EEXIST' || codeOf(error) === 'ENOTDIR') throw inTheWay(dir);
    throw explain(error, dir);
  }
}

/** Whether the target is as `materialise` left it, by the size and modification time of every file. */
export async function isMaterialised(artifact: Artifact, target: string): Promise<boolean> {
  const published = await readPublished(resolve(target));
  if (published?.digest !== artifact.digest) return false;
  return Object.entries(published.files).every(([path, file]) => {
    const found = statNow(join(target, path));
    return found?.isFile() && found.size === BigInt(file.bytes) && String(found.mtimeNs) === file.mtime;
  });
}

/**
 * Modification time of the file in the target if it has the right bytes already; undefined when it is to be written.
 */
async function mtimeIfRight(
  dir: string,
  path: string,
  entry: Manifest[string],
  ours: OurFile | undefined,
): Promise<string | undefined> {
  if (path === OURS) throw new Error(`a stored folder can't hold a file named ${OURS}`);
  const place = join(dir, path);
  const found = await statIfThere(place);
  if (found === undefined) return undefined;
  const mtime = String(found.mtimeNs);
  const rightSize = found.isFile() && found.size === BigInt(entry.bytes);
  if (rightSize && ours?.digest === entry.digest && ours.mtime === mtime) return mtime;
  if (ours) return undefined;
  if (rightSize && (await withFile(place, 'r', hashHandle)).digest === entry.digest) return mtime;
  if (found.isDirectory()) return undefined;
  throw inTheWay(place);
}

function inTheWay(place: string): UserError {
  return new UserError(
    `${place} is in the way: it wasn't written by this program, and a result belongs in its place. Move it away, or ` +
      'choose another folder for the results.',
  );
}

async function statIfThere(place: string) {
  try {
    return await lstat(place, { bigint: true });
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw explain(error, place);
  }
}

async function write(dir: string, path: string, digest: string, blobs: Blobs): Promise<string> {
  const place = join(dir, path);
  const blob = await blobs.verified(digest);
  const temporary = join(dir, `${TEMPORARY}${randomName()}`);
  try {
    await makeFolder(dirname(place));
    await copyFile(blob, temporary);
    await chmod(temporary, 0o644);
    await rename(temporary, place);
    return String((await stat(place, { bigint: true })).mtimeNs);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    if (['EISDIR', 'ENOTDIR', 'EEXIST', 'ENOTEMPTY'].includes(codeOf(error) ?? '')) throw inTheWay(place);
    throw explain(error, place);
  }
}

/** Removes a file of ours, and the folders that it leaves empty; one that somebody changed since is theirs now. */
async function removeOurs(dir: string, path: string, ours: OurFile): Promise<boolean> {
  const place = join(dir, path);
  const found = await statIfThere(place);
  if (!found?.isFile() || found.size !== BigInt(ours.bytes)) return false;
  const unchanged = String(found.mtimeNs) === ours.mtime;
  if (!unchanged && (await withFile(place, 'r', hashHandle)).digest !== ours.digest) return false;
  await rm(place, { force: true });
  for (let folder = dirname(place); folder !== dir; folder = dirname(folder)) {
    if (
      !(await rmdir(folder).then(
        () => true,
        () => false,
      ))
    )
      break;
  }
  return true;
}

async function readPublished(dir: string): Promise<Published | undefined> {
  try {
    const value = JSON.parse(await readFile(join(dir, OURS), 'utf8')) as Published | null;
    return value?.format === 1 && typeof value.files === 'object' ? value : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || isMissing(error)) return undefined;
    throw explain(error, join(dir, OURS));
  }
}

async function writePublished(dir: string, published: Published): Promise<void> {
  const temporary = join(dir, `${TEMPORARY}${randomName()}`);
  await writeFile(temporary, JSON.stringify(published, undefined, 1));
  await rename(temporary, join(dir, OURS));
}

/** Temporary files of a process that was killed here. */
async function removeLeftovers(dir: string): Promise<void> {
  for (const name of await readdir(dir)) {
    if (name.startsWith(TEMPORARY)) await rm(join(dir, name), { force: true });
  }
}
