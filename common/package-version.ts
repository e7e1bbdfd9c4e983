import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/**
 * Version of an installed package, read from its package.json without loading it.
 *
 * @param entry a file of the package that can be resolved, where it has no main module
 */
export function packageVersion(name: string, entry = name): string {
  let folder = dirname(createRequire(import.meta.url).resolve(entry));
  for (;;) {
    const found = manifest(join(folder, 'package.json'));
    if (found?.name === name && found.version) return found.version;
    if (dirname(folder) === folder) throw new Error(`no package.json of ${name} above its main file`);
    folder = dirname(folder);
  }
}

function manifest(path: string): { name?: string; version?: string } | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as { name?: string; version?: string };
  } catch {
    return undefined;
  }
}
