import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release, totalmem, type } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { packageVersion } from '../common/package-version.ts';

/** Where and of what a measurement was taken. */
export interface Machine {
  /** ISO date and time, UTC, to the minute. */
  readonly date: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly os: string;
  readonly node: string;
  /** The commit, and whether files differ from it; undefined outside of a clone. */
  readonly commit: string | undefined;
  /** Processes that wanted to run, on average over the last minute, before the benchmark began. */
  readonly load: number;
}

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** Share of the cores that may be busy on a machine that counts as quiet. */
const QUIET = 0.25;

/** @param ignored file whose changes don't count, relative to the repository: that of the results */
export async function describeMachine(ignored: string): Promise<Machine> {
  return {
    date: `${new Date().toISOString().slice(0, 16).replace('T', ' ')} UTC`,
    cpu: cpus()[0]?.model.trim() ?? 'unknown processor',
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    os: `${osName()} (${type()} ${release()})`,
    node: process.versions.node,
    commit: await commit(ignored),
    load: Math.round(loadavg()[0]! * 100) / 100,
  };
}

/** Versions of what mis computes with. */
export function ownVersions(): Record<string, string> {
  return {
    onnxruntime: packageVersion('onnxruntime-node'),
    sharp: packageVersion('sharp'),
    'apache-arrow': packageVersion('apache-arrow'),
  };
}

/** What to tell whoever reads the numbers when others were at work as well; undefined on a quiet machine. */
export function loadWarning({ load, cores }: Pick<Machine, 'load' | 'cores'>): string | undefined {
  if (load <= QUIET * cores) return undefined;
  return `The machine wasn't quiet: its load average was ${load} on ${cores} cores. Ratios can be off, absolute numbers will be.`;
}

function osName(): string {
  try {
    return /^PRETTY_NAME="?(.*?)"?$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? process.platform;
  } catch {
    return process.platform;
  }
}

async function commit(ignored: string): Promise<string | undefined> {
  const git = async (...args: string[]) => {
    const { stdout } = await promisify(execFile)('git', args, { cwd: ROOT });
    return stdout.trim();
  };
  try {
    const id = await git('rev-parse', '--short=10', 'HEAD');
    const changed = await git('status', '--porcelain', '--', '.', `:!${ignored}`);
    return changed === '' ? id : `${id} with uncommitted changes`;
  } catch {
    return undefined;
  }
}
