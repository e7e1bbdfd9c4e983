import { readdirSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import picomatch from 'picomatch';
import { UserError } from '../../common/errors.ts';

/** Files that one pattern may name by its ranges, and its length: a few characters must not become millions of paths. */
const MOST_FILES = 100_000;
const LONGEST = 4096;

/** True for patterns that name several files: `*`, `?`, `[a-z]`, `{a,b}`, `{00..04}`. */
export function isGlob(pattern: string): boolean {
  return /[*?[\]{}]/.test(pattern);
}

/**
 * Absolute paths of the files that a pattern matches, sorted. A plain path stands for itself, there or not. UserError: it
 * is too long, or its ranges name too many files.
 */
export function expandGlob(pattern: string, folder: string): string[] {
  const absolute = resolve(folder, pattern);
  if (!isGlob(pattern) || exists(absolute)) return [absolute];
  if (pattern.length > LONGEST)
    throw new UserError(`The pattern ${pattern.slice(0, 60)}… is too long (${pattern.length} characters).`);
  return expandRanges(absolute)
    .flatMap((part) => (isGlob(part) ? matches(part) : [part]))
    .sort();
}

/** Brace ranges as shells and WebDataset write them: `x-{000..002}.tar` → three paths, whether they are there or not. */
export function expandRanges(pattern: string, most = MOST_FILES): string[] {
  const range = /\{(\d+)\.\.(\d+)\}/.exec(pattern);
  if (!range) return [pattern];
  const [text, from, to] = range as unknown as [string, string, string];
  const count = Math.max(0, Number(to) - Number(from) + 1);
  if (count > most)
    throw new UserError(
      `The pattern ${pattern} names more than ${MOST_FILES} files by its ranges. Give a folder.`,
    );
  const width = from.startsWith('0') ? from.length : 0;
  return Array.from({ length: count }, (_, i) => String(Number(from) + i).padStart(width, '0')).flatMap((n) =>
    expandRanges(
      pattern.replace(text, () => n),
      most / count,
    ),
  );
}

function matches(pattern: string): string[] {
  const { base, glob } = picomatch.scan(pattern) as { base: string; glob: string };
  // Brackets that are no pattern after all: a file of that name would have been found before.
  if (glob === '') return [];
  const match = picomatch(glob, { dot: false });
  const found: string[] = [];
  const deep = glob.includes('/') || glob.includes('**');
  const visit = (folder: string, prefix: string) => {
    for (const entry of exists(folder) ? readdirSync(folder, { withFileTypes: true }) : []) {
      const path = prefix + entry.name;
      if (match(path)) found.push(resolve(folder, entry.name));
      else if (deep && entry.isDirectory()) visit(resolve(folder, entry.name), `${path}/`);
    }
  };
  visit(base || '/', '');
  return found;
}

/** Whether something lies at a path; not when it can't be looked at, or no file can have that name. */
function exists(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    return false;
  }
}
