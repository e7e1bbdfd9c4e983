import { readdirSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import picomatch from 'picomatch';

/** True for patterns that name several files: `*`, `?`, `[a-z]`, `{a,b}`, `{00..04}`. */
export function isGlob(pattern: string): boolean {
  return /[*?[\]{}]/.test(pattern);
}

/** Absolute paths of the files that a pattern matches, sorted. A plain path stands for itself, there or not. */
export function expandGlob(pattern: string, folder: string): string[] {
  const absolute = resolve(folder, pattern);
  if (!isGlob(pattern) || exists(absolute)) return [absolute];
  return expandRanges(absolute)
    .flatMap((part) => (isGlob(part) ? matches(part) : [part]))
    .sort();
}

/** Brace ranges as shells and WebDataset write them: `x-{000..002}.tar` → three paths, whether they are there or not. */
function expandRanges(pattern: string): string[] {
  const range = /\{(\d+)\.\.(\d+)\}/.exec(pattern);
  if (!range) return [pattern];
  const [text, from, to] = range as unknown as [string, string, string];
  const count = Math.min(Number(to) - Number(from) + 1, 1_000_000);
  const width = from.startsWith('0') ? from.length : 0;
  return Array.from({ length: Math.max(0, count) }, (_, i) =>
    String(Number(from) + i).padStart(width, '0'),
  ).flatMap((n) => expandRanges(pattern.replace(text, n)));
}

function matches(pattern: string): string[] {
  const { base, glob } = picomatch.scan(pattern) as { base: string; glob: string };
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

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}
