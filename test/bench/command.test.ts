import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import type { Bench, Benchmark, Result } from '../../bench/benchmark.ts';
import { command } from '../../bench/command.ts';
import { runChild } from '../../bench/measure.ts';
import { UserError } from '../../common/errors.ts';
import { temporaryFolder } from '../support/fake-task.ts';

const RESULT: Result = { case: 'a case', ratio: 2, of: 4, to: 2, unit: 's', target: 1.5, sizes: 'small' };

/** Runs the command with benchmarks made up here; `run` stands for what the one named "scoring" does. */
async function bench(args: string[], run: Benchmark['run'] = async ({ result }) => result(RESULT)) {
  const results = join(temporaryFolder(), 'RESULTS.md');
  const out: string[] = [];
  const err: string[] = [];
  const benchmarks = {
    null: async () => ({ summary: 'About nothing.', run }),
    scoring: async () => ({ summary: 'About scores.', versions: async () => ({ numpy: '1' }), run }),
  };
  const world = {
    ...{ benchmarks, results, resultsInRepository: 'bench/RESULTS.md' },
    out: (line: string) => out.push(line),
    err: (line: string) => err.push(line),
  };
  const failed = await command(args, world).then(
    () => undefined,
    (error: Error) => error,
  );
  const written = existsSync(results) ? readFileSync(results, 'utf8') : undefined;
  return { out: out.join('\n'), err: err.join('\n'), failed, written };
}

describe('the command', () => {
  test('lists the benchmarks when none is named', async () => {
    const { out, failed } = await bench([]);
    expect(failed).toBeUndefined();
    expect(out).toMatch(/^null +About nothing\.$/m);
    expect(out).toMatch(/^scoring +About scores\.$/m);
  });

  test('refuses what it has not, and names what is near', async () => {
    const { failed, err } = await bench(['scorin']);
    expect(failed).toBeInstanceOf(UserError);
    expect(failed!.message).toContain('no benchmark "scorin". Did you mean scoring?');
    expect(err).toContain('About scores.');
    for (const args of [['scoring', '--fast'], ['scoring', 'null'], ['constructor']])
      expect((await bench(args)).failed, args.join(' ')).toBeInstanceOf(UserError);
  });

  test('a full run prints header and table, and writes them down', async () => {
    const { out, written } = await bench(['scoring']);
    for (const text of [out, written!]) {
      expect(text).toMatch(/\d{4}-\d\d-\d\d \d\d:\d\d UTC, commit [0-9a-f]{10}/);
      expect(text).toMatch(/Node \d+.*onnxruntime \d+.*sharp \d+.*apache-arrow \d+.*numpy 1$/m);
      expect(text).toMatch(/a case.*4.*2.*s.*2.*1\.5 ✓.*small/);
    }
    expect(written).toMatch(/^## scoring$/m);
  });

  test('a quick one writes nothing', async () => {
    const { out, written } = await bench(['scoring', '--quick'], async ({ quick, result }) => {
      result({ ...RESULT, case: quick ? 'quick' : 'full' });
    });
    expect(out).toContain('quick');
    expect(written).toBeUndefined();
  });

  test('--json prints a line a result and nothing else', async () => {
    const { out, err } = await bench(['scoring', '--json', '--quick'], async ({ say, result }) => {
      say('working');
      result(RESULT);
      result({ ...RESULT, case: 'another' });
    });
    const lines = out.split('\n').map((line) => JSON.parse(line));
    expect(lines).toHaveLength(2);
    expect(lines[1]).toMatchObject({ case: 'another', ratio: 2, of: 4, to: 2, quick: true });
    expect(lines[0].machine.cores).toBeGreaterThan(0);
    expect(lines[0].versions.numpy).toBe('1');
    expect(err).toContain('working');
  });

  test('its folder goes, after a failure too; a failed run writes nothing down', async () => {
    const dirs: string[] = [];
    const fill = async ({ dir, result }: Bench) => {
      dirs.push(dir);
      mkdirSync(join(dir, 'below'));
      writeFileSync(join(dir, 'below', 'file'), '');
      result(RESULT);
    };
    await bench(['scoring'], fill);
    const { failed, written } = await bench(['scoring'], async (given) => {
      await fill(given);
      throw new UserError('no numpy');
    });
    expect(failed?.message).toBe('no numpy');
    expect(written).toBeUndefined();
    expect(dirs.map((dir) => existsSync(dir))).toEqual([false, false]);
  });

  test.each(['SIGINT', 'SIGTERM'] as const)(
    '%s ends it with what it started, and its folder',
    async (signal) => {
      const program = fileURLToPath(new URL('hanging.ts', import.meta.url));
      const child = spawn(process.execPath, ['--import', 'tsx', program]);
      const ended = new Promise((resolve) => child.on('exit', resolve));
      const dir = await new Promise<string>((resolve) =>
        child.stdout.once('data', (text) => resolve(`${text}`.trim())),
      );
      expect(existsSync(join(dir, 'file'))).toBe(true);
      child.kill(signal);
      expect(await ended).toBe(signal === 'SIGINT' ? 130 : 143);
      await sleep(200);
      expect(existsSync(dir)).toBe(false);
    },
  );
});

describe('npm run bench', () => {
  const main = fileURLToPath(new URL('../../bench/main.ts', import.meta.url));
  const run = (...args: string[]) => runChild(process.execPath, ['--import', 'tsx', main, ...args]);

  test('finds the benchmarks in their folders', async () => {
    const { code, stdout } = await run();
    expect(code).toBe(0);
    expect(stdout).toMatch(/^pytorch +\S/m);
  });

  test('tells a mistake in a paragraph', async () => {
    const { code, stdout, stderr } = await run('pytorsh');
    expect(code).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/\nbench: There is no benchmark "pytorsh"\. Did you mean pytorch\?\n$/);
    expect(stderr).not.toContain('    at ');
  });
});
