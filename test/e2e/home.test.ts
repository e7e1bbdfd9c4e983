import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../support/fake-task.ts';
import { smallProject } from '../support/small.ts';

test('a run leaves nothing in the home folder: no telemetry of the runtime, no cache', {
  timeout: 120_000,
}, async () => {
  const project = await smallProject();
  const home = temporaryFolder();
  const env = {
    PATH: process.env.PATH,
    HOME: home,
    XDG_CACHE_HOME: home,
    XDG_CONFIG_HOME: home,
    XDG_DATA_HOME: home,
  };
  const ran = spawnSync(process.execPath, [project.path('bin/mis.js'), 'run', ...project.config], {
    cwd: project.folder,
    env,
    encoding: 'utf8',
  });
  expect(ran.status, ran.stderr).toBe(0);
  expect(readdirSync(home, { recursive: true })).toEqual([]);
});
