import { mkdirSync, readdirSync, readlinkSync, symlinkSync, truncateSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, expect, test } from 'vitest';
import { copyProject, type Project } from '../support/project.ts';

/** Files that changed within the last two seconds aren't compiled. */
const SETTLED_MS = 2100;
const CODE = 'engine/cli/config.ts';
const COMMAND = ['config', '--json', '--set', 'task.n=7'];

let project: Project;
beforeAll(async () => {
  project = await copyProject();
  // Packages of its own, as far as the program can see.
  const packages = project.path('node_modules');
  const shared = readlinkSync(packages);
  unlinkSync(packages);
  mkdirSync(packages);
  for (const name of readdirSync(shared))
    if (name !== '.cache') symlinkSync(join(shared, name), join(packages, name));
  await sleep(SETTLED_MS);
});

const FOLDER = 'node_modules/.cache/mis';
const kept = () => readdirSync(project.path(FOLDER));
const programs = () => kept().filter((name) => name.endsWith('.cjs'));

test('the program starts from one file while its source is as it was, and does what the source says', {
  timeout: 120_000,
}, async () => {
  const fromSource = await project.mis(...COMMAND);
  expect(fromSource.code, fromSource.stderr).toBe(0);
  expect(fromSource.stdout).toContain('"n": 7');
  const [program, ...others] = programs();
  expect(others).toEqual([]);
  expect(kept()).not.toContain(`${program}.config`);

  expect(await project.mis(...COMMAND)).toEqual(fromSource);
  // What V8 made of it is kept by who ran it.
  expect(kept()).toContain(`${program}.config`);
  expect(await project.mis(...COMMAND)).toEqual(fromSource);

  truncateSync(project.path(FOLDER, program!), 100_000);
  expect(await project.mis(...COMMAND)).toEqual(fromSource);

  project.edit(CODE, 'return 0;', 'throw new Error("other code");');
  const changed = await project.mis(...COMMAND);
  expect(changed).toMatchObject({ code: 1 });
  expect(changed.stderr).toContain('other code');

  await sleep(SETTLED_MS);
  await project.mis(...COMMAND);
  expect(programs()).toHaveLength(1);
  expect(programs()).not.toEqual([program]);
  const compiled = await project.mis(...COMMAND);
  const line =
    1 +
    project
      .read(CODE)
      .split('\n')
      .findIndex((text) => text.includes('other code'));
  expect(compiled.stderr).toContain(`${project.path(CODE)}:${line}:`);
  expect(compiled.stderr).not.toContain('compiled.cjs');
});
