import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { keptFiles } from '../../engine/run/kept.ts';
import { temporaryFolder } from '../support/fake-task.ts';

const job = (stage: string, version: string) => ({ entry: `/pipeline/stages/${stage}/index.ts`, version });

test('what a stage keeps is there for the same version of it, and goes with another', async () => {
  const store = temporaryFolder();
  const first = keptFiles(store, job('list-files', 'a'.repeat(64)));
  writeFileSync(first.path('one'), '1');
  writeFileSync(first.path('two'), '2');
  writeFileSync(keptFiles(store, job('other', 'a'.repeat(64))).path('one'), '3');
  expect(readFileSync(keptFiles(store, job('list-files', 'a'.repeat(64))).path('one'), 'utf8')).toBe('1');
  const next = keptFiles(store, job('list-files', 'b'.repeat(64)));
  expect(existsSync(next.path('one'))).toBe(false);
  writeFileSync(next.path('one'), '4');
  await next.removeOld();
  const files = readdirSync(join(store, 'memo/kept')).map((name) =>
    readFileSync(join(store, 'memo/kept', name), 'utf8'),
  );
  expect(files.sort()).toEqual(['2', '3', '4']);
});
