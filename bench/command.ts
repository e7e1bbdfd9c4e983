import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { UserError } from '../common/errors.ts';
import { nearest } from '../engine/spec/nearest.ts';
import { table } from '../engine/ui/table.ts';
import type { Benchmark, Result } from './benchmark.ts';
import { describeMachine, ownVersions } from './machine.ts';
import { killChildren } from './measure.ts';
import { section, writeSection } from './results.ts';
import { type Header, headerLines, jsonLine, resultTable, rounded } from './text.ts';

/** What the command works with. */
export interface World {
  readonly benchmarks: Readonly<Record<string, () => Promise<Benchmark>>>;
  /** File that keeps the results of full runs, and its path in the repository. */
  readonly results: string;
  readonly resultsInRepository: string;
  /** Standard output and standard error, whole lines. */
  out(line: string): void;
  err(line: string): void;
}

export const USAGE = 'npm run bench -- NAME [--quick] [--json]';

/** Runs one benchmark, or lists them when none is named. Throws a UserError for what can't be run. */
export async function command(args: readonly string[], world: World): Promise<void> {
  const { name, quick, json } = read(args);
  if (name === undefined) {
    world.out(await list(world));
    return;
  }
  const load = Object.hasOwn(world.benchmarks, name) ? world.benchmarks[name] : undefined;
  if (!load) {
    world.err(`${await list(world)}\n`);
    const near = nearest(name, Object.keys(world.benchmarks));
    throw new UserError(`There is no benchmark "${name}".${near ? ` Did you mean ${near}?` : ''}`);
  }
  const benchmark = await load();
  const header: Header = {
    machine: await describeMachine(world.resultsInRepository),
    versions: { ...ownVersions(), ...(await benchmark.versions?.()) },
  };
  const tell = json ? world.err : world.out;
  tell(`${name}: ${benchmark.summary}\n${headerLines(header).join('\n')}\n`);
  const results = await inFolder((dir) => run(benchmark, dir, { quick, json, header }, world));
  if (!json) world.out(`\n${resultTable(results)}`);
  if (quick) return;
  writeSection(world.results, name, section(name, benchmark, header, results));
  world.err(`Written to ${world.resultsInRepository}.`);
}

function read(args: readonly string[]): { name: string | undefined; quick: boolean; json: boolean } {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { quick: { type: 'boolean', default: false }, json: { type: 'boolean', default: false } },
    });
    if (positionals.length > 1) throw new Error(`One benchmark at a time, not ${positionals.join(' and ')}`);
    return { name: positionals[0], ...values };
  } catch (error) {
    throw new UserError(`${(error as Error).message}. ${USAGE}`);
  }
}

async function list({ benchmarks }: World): Promise<string> {
  const rows = Object.entries(benchmarks).map(async ([name, load]) => [name, (await load()).summary]);
  return `${USAGE}\n\n${table(['name', 'what is compared'], await Promise.all(rows))}\n\n--quick: small sizes, in well under a minute; nothing is written to bench/RESULTS.md\n--json: one object a line`;
}

async function run(
  benchmark: Benchmark,
  dir: string,
  { quick, json, header }: { quick: boolean; json: boolean; header: Header },
  { out, err }: World,
): Promise<Result[]> {
  const results: Result[] = [];
  await benchmark.run({
    quick,
    dir,
    say: err,
    result(result) {
      results.push(result);
      if (json) out(jsonLine(result, quick, header));
      else err(`${result.case}: ${rounded(result.ratio)} ×`);
    },
  });
  if (results.length === 0) throw new Error('the benchmark gave no result');
  return results;
}

/** Gives work a new folder, which goes with its end, and also with an early end of the process. */
async function inFolder<T>(work: (dir: string) => Promise<T>): Promise<T> {
  const dir = mkdtempSync(join(tmpdir(), 'mis-bench-'));
  const remove = () => {
    killChildren();
    rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
  };
  const interrupted = () => process.exit(130);
  const terminated = () => process.exit(143);
  process.once('exit', remove);
  process.once('SIGINT', interrupted);
  process.once('SIGTERM', terminated);
  try {
    return await work(dir);
  } finally {
    process.off('exit', remove);
    process.off('SIGINT', interrupted);
    process.off('SIGTERM', terminated);
    remove();
  }
}
