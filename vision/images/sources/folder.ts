import { readdir, stat } from 'node:fs/promises';
import { UserError } from '../../../common/errors.ts';
import { shownPath } from '../names.ts';
import { isImageName, type ListedImage, type OnIgnored } from './kinds.ts';

/**
 * Images below a folder, in no particular order. The label is the name of the first-level folder, as in torchvision's
 * ImageFolder; images directly in the folder have none. Links are followed. `prefix` is put before each path.
 * Throws a UserError when a folder can't be read or a link leads back to a folder that it lies in.
 */
export async function* listFolder(
  root: string,
  prefix: string,
  onIgnored: OnIgnored,
): AsyncGenerator<ListedImage, void, undefined> {
  yield* walk({ folder: root, path: prefix, label: null, depth: 0, above: new Set() }, onIgnored);
}

interface Step {
  readonly folder: string;
  /** The folder's path within the data set. */
  readonly path: string;
  readonly label: string | null;
  readonly depth: number;
  /** Identities of the folders that this one lies in. */
  readonly above: ReadonlySet<string>;
}

async function* walk(step: Step, onIgnored: OnIgnored): AsyncGenerator<ListedImage, void, undefined> {
  const { folder, path, label, depth } = step;
  const { entries, above } = await read(step);
  for (const entry of entries) {
    const file = `${folder}/${entry.name}`;
    const name = path === '' ? entry.name : `${path}/${entry.name}`;
    const kind = await kindOf(entry, file);
    if (kind === 'folder') {
      const inner = {
        folder: file,
        path: name,
        label: depth === 0 ? entry.name : label,
        depth: depth + 1,
        above,
      };
      yield* walk(inner, onIgnored);
    } else if (kind === 'file' && isImageName(entry.name)) {
      yield { path: name, label, file, offset: 0, bytes: undefined };
    } else {
      onIgnored(name);
    }
  }
}

interface Entry {
  readonly name: string;
  isFile(): boolean;
  isDirectory(): boolean;
  isSymbolicLink(): boolean;
}

async function read({ folder, above }: Step): Promise<{ entries: Entry[]; above: ReadonlySet<string> }> {
  try {
    const { dev, ino } = await stat(folder);
    const identity = `${dev}:${ino}`;
    if (above.has(identity)) {
      throw new UserError(
        `The folder ${shownPath(folder)} is a link to a folder that it lies in, so its images would never end. Remove the link.`,
      );
    }
    const entries = await readdir(folder, { withFileTypes: true });
    return { entries, above: new Set(above).add(identity) };
  } catch (error) {
    if (error instanceof UserError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    const why = folder.includes('\uFFFD') ? ': its name is not valid UTF-8; rename it' : ` (${code})`;
    throw new UserError(`The folder ${shownPath(folder)} can't be read${why}.`);
  }
}

/** What an entry is, links followed. A link that leads nowhere counts as the file that it should be. */
async function kindOf(entry: Entry, file: string): Promise<'file' | 'folder' | 'other'> {
  if (!entry.isSymbolicLink()) return entry.isFile() ? 'file' : entry.isDirectory() ? 'folder' : 'other';
  const target = await stat(file).catch(() => undefined);
  if (!target) return 'file';
  return target.isFile() ? 'file' : target.isDirectory() ? 'folder' : 'other';
}
