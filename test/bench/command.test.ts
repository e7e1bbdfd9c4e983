import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, test, vi } from 'vitest';
import type { Bench, Benchmark, Result } from '../../bench/benchmark.ts';
import { command } from '../../bench/command.ts';
import { pythonWith as pythonForBench } from '../../bench/python.ts';
import { UserError } from '../../common/errors.ts';
import { temporaryFolder } from '../support/fake-task.ts';
import { hasGnuTime } from '../support/gnu-time.ts';
import { startIn } from '../support/project.ts';
import { pythonWith } from '../support/python.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

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

  test.skipIf(!hasGnuTime()).each(['SIGINT', 'SIGTERM'] as const)(
    '%s ends it with what it started, and its folder (apt-get install time)',
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
  const benchmarks = readdirSync(join(ROOT, 'bench')).filter((name) =>
    existsSync(join(ROOT, 'bench', name, 'index.ts')),
  );
  const run = (...args: string[]) =>
    startIn(ROOT, process.execPath, ['--import', 'tsx', join('bench', 'main.ts'), ...args]).ended;

  test('finds the benchmarks in their folders', async () => {
    const { code, stdout } = await run();
    expect(code).toBe(0);
    expect(stdout).toMatch(/^pytorch +\S/m);
  });

  test('has every benchmark in the README', async () => {
    const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
    for (const name of benchmarks) expect(readme).toContain(`| \`${name}\` |`);
  });

  test('says what to install where a reference is missing', () => {
    vi.stubEnv('MIS_BENCH_PYTHON', '/bin/false');
    const needed = () => pythonForBench({ torch: 'python3-torch', PIL: 'python3-pil' });
    expect(needed).toThrow(UserError);
    expect(needed).toThrow(/can't import torch, PIL\. .*apt-get install python3-torch python3-pil\)/);
    vi.unstubAllEnvs();
  });

  test('tells a mistake in a paragraph', async () => {
    const { code, stdout, stderr } = await run('pytorsh');
    expect(code).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/\nbench: There is no benchmark "pytorsh"\. Did you mean pytorch\?\n$/);
    expect(stderr).not.toContain('    at ');
  });

  /** What takes some seconds when it is quick, and the modules of Python that it compares with. */
  const SHORT: Readonly<Record<string, readonly string[]>> = { scoring: ['numpy'] };
  const short = benchmarks.filter((name) => name in SHORT);
  test.for(short)('%s runs from end to end', { timeout: 120_000 }, async (name, { skip }) => {
    const modules = SHORT[name]!;
    skip(!hasGnuTime(), 'apt-get install time');
    skip(
      modules.length > 0 && !pythonWith(...modules),
      `apt-get install ${modules.map((m) => `python3-${m}`)}`,
    );
    const { code, stdout, stderr } = await run(name, '--quick', '--json');
    expect(stderr).not.toContain('    at ');
    expect(code).toBe(0);
    const results = stdout
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Result & { quick: boolean });
    expect(results.length).toBeGreaterThan(0);
    for (const { case: what, ratio, of, to, unit, sizes, quick } of results) {
      for (const number of [ratio, of, to]) expect(number, what).toBeGreaterThan(0);
      expect([what, unit, sizes].every((text) => text.length > 0)).toBe(true);
      expect(quick).toBe(true);
    }
  });
});
