import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { Ended, Project } from './project.ts';

/** Files of the project outside the store, the report and the installed packages, sorted. */
function filesOf(project: Project): string[] {
  const own = new Set(['.mis', 'report', 'node_modules']);
  return readdirSync(project.folder)
    .filter((name) => !own.has(name))
    .flatMap((name) => {
      if (!statSync(project.path(name)).isDirectory()) return [name];
      return readdirSync(project.path(name), { recursive: true }).map((file) => join(name, String(file)));
    })
    .sort();
}

/** Names of all records in the store. */
export function recordsOf(project: Project, store = '.mis'): string[] {
  const folder = project.path(store, 'records');
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => entry.name)
    .sort();
}

/**
 * Expects a command to be refused for a reason that a person can act on: exit code 1, one paragraph on standard error
 * that says all of `says`, nothing of it twice, no stack, and nothing written beside store and report.
 */
export async function expectRefused(
  project: Project,
  args: readonly string[],
  ...says: readonly (string | RegExp)[]
): Promise<Ended> {
  const before = filesOf(project);
  const ended = await project.mis(...args);
  const { code, stdout, stderr } = ended;
  expect(code, `${stdout}\n${stderr}`).toBe(1);
  for (const each of says) expect(stderr).toMatch(each);
  expect(stderr.trim()).not.toMatch(/\n\s*\n/);
  const long = stderr.split('\n').filter((line) => line.length > 60);
  expect(long, 'nothing is said twice').toEqual([...new Set(long)]);
  expect(stderr + stdout).not.toMatch(/^\s+at /m);
  expect(filesOf(project)).toEqual(before);
  return ended;
}
