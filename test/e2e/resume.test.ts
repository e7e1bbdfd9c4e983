import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { recordsOf } from '../support/refused.ts';
import { type SmallProject, smallProject } from '../support/small.ts';

let project: SmallProject;
beforeAll(async () => {
  project = await smallProject({ models: ['resnet', 'vgg'], perClass: 20 });
});

/** Starts a run in a store of its own; resolves when a line of its output fits. */
async function startUntil(store: string, pattern: RegExp) {
  const { child, ended } = project.start('run', '--jobs', '1', '--json', ...project.config, '--store', store);
  let seen = '';
  await new Promise<void>((resolve) => {
    child.stdout!.on('data', (chunk: Buffer) => {
      seen += chunk;
      if (pattern.test(seen)) resolve();
    });
  });
  return { child, ended };
}

const FIRST_SHARD = /"event":"task","stage":"cache-activations".*"outcome":"ran"/;

describe('a run that was stopped', { timeout: 120_000 }, () => {
  test('by Ctrl-C ends in order, and goes on from the finished shards', async () => {
    const { child, ended } = await startUntil('interrupted', FIRST_SHARD);
    child.kill('SIGINT');
    const { code, stdout, stderr } = await ended;
    expect(code).toBe(130);
    expect(stderr).toMatch(/Stopping/);
    expect(stderr).not.toMatch(/^\s+at /m);
    const end = JSON.parse(stdout.trim().split('\n').at(-1)!);
    expect(end).toMatchObject({ event: 'run', interrupted: true, failed: 0 });
    expect(end.ran).toBeGreaterThanOrEqual(2);
    expect(readdirSync(project.path('interrupted/tmp'))).toEqual([]);

    const again = await project.run(...project.config, '--store', 'interrupted');
    expect(again.end).toMatchObject({ failed: 0, blocked: 0, hit: end.ran });
    expect(again.stages['index-dataset']).toEqual({ hit: 1, ran: 0 });
    expect(again.stages['cache-activations']!.hit).toBeGreaterThanOrEqual(1);
    expect(again.stages['cache-activations']!.ran).toBeGreaterThanOrEqual(1);
  });

  test('by SIGKILL too', async () => {
    const { child, ended } = await startUntil('killed', FIRST_SHARD);
    child.kill('SIGKILL');
    await ended;
    const again = await project.run(...project.config, '--store', 'killed');
    expect(again.end).toMatchObject({ failed: 0, blocked: 0 });
    expect(again.end.hit).toBeGreaterThanOrEqual(2);
    expect(again.stages['cache-activations']!.hit).toBeGreaterThanOrEqual(1);
    expect(existsSync(project.path('report/index.html'))).toBe(true);
  });

  test('has the same results as one that was not', async () => {
    expect((await project.run(...project.config, '--store', 'whole')).end).toMatchObject({
      hit: 0,
      failed: 0,
    });
    const records = (store: string) => recordsOf(project, store);
    expect(records('interrupted')).toEqual(records('whole'));
    expect(records('killed')).toEqual(records('whole'));
  });
});

describe('two runs at once on one store', { timeout: 120_000 }, () => {
  test('both end well, and what one makes the other takes', async () => {
    const runs = await Promise.all(
      [1, 2].map(() => project.run(...project.config, '--store', 'shared', '--jobs', '1')),
    );
    for (const { end } of runs) expect(end).toMatchObject({ failed: 0, blocked: 0 });
    const made = runs[0]!.end.ran + runs[1]!.end.ran;
    const all = runs[0]!.end.ran + runs[0]!.end.hit;
    expect(made).toBe(all);
    expect(recordsOf(project, 'shared')).toEqual(recordsOf(project, 'whole'));
  });
});

describe('a stored file that was damaged', { timeout: 120_000 }, () => {
  test('is noticed when it is read, and made again', async () => {
    const config = [...project.config, '--store', 'whole'];
    const [victim] = await project.paths(
      'cache-activations',
      'activations',
      ...config,
      '--where',
      'model=resnet',
    );
    const bytes = readFileSync(victim!.path);
    const right = Buffer.from(bytes);
    bytes[bytes.length >> 1]! ^= 1;
    chmodSync(victim!.path, 0o600);
    writeFileSync(victim!.path, bytes);
    const run = await project.run(...config, '--set', 'task.n=4');
    expect(run.end).toMatchObject({ failed: 0, blocked: 0 });
    expect(run.stages['cache-activations']).toMatchObject({ ran: 1 });
    expect(readFileSync(victim!.path).equals(right)).toBe(true);
  });
});
