import { UserError } from '../common/errors.ts';

/** The system's code of a failed call: `ENOENT`, `EEXIST`; undefined for any other error. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

export function isMissing(error: unknown): boolean {
  const code = codeOf(error);
  return code === 'ENOENT' || code === 'ENOTDIR';
}

/**
 * Turns what a person can mend (disk full, limit on file sizes, no permission, read-only or failing file system) into a UserError that names
 * the path and what to do; returns every other error as it is.
 */
export function explain(error: unknown, path: string): unknown {
  switch (codeOf(error)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new UserError(
        `No space is left (or the quota is used up) for ${path}. Nothing half-written was kept. Free some space ` +
          'there (`mis gc` shows what the store can do without), or choose another place (for the store: --store DIR).',
      );
    case 'EACCES':
    case 'EPERM':
      return new UserError(
        `No permission for ${path}. Make it readable and writable for this user, or choose another place (for the ` +
          'store: --store DIR).',
      );
    case 'EROFS':
      return new UserError(
        `${path} lies on a read-only file system. Mount it writable, or choose another place (for the store: --store DIR).`,
      );
    case 'EIO':
    case 'ESTALE':
      return new UserError(
        `The file system of ${path} fails (${(error as Error).message}). Look after the disk or the network mount, ` +
          'then run again: what is finished is kept.',
      );
    case 'EFBIG':
      return new UserError(
        `${path} would become larger than this process may write (\`ulimit -f\`), or than its file system allows. Nothing ` +
          'half-written was kept. Raise the limit, or choose another place (for the store: --store DIR).',
      );
    case 'EMFILE':
    case 'ENFILE':
      return new UserError(
        `Too many files are open (at ${path}). Raise the limit (\`ulimit -n 4096\`) or run fewer jobs at once.`,
      );
    default:
      return error;
  }
}

/** Runs file work on a path; its failures go through `explain`. */
export async function explained<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw explain(error, path);
  }
}
