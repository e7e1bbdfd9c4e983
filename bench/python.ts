import { spawnSync } from 'node:child_process';
import { UserError } from '../common/errors.ts';

/**
 * Debian's Python (or the one that MIS_BENCH_PYTHON names), and the versions of the given modules in it. Throws a
 * UserError that names the packages to install when one is missing.
 *
 * @param packages Debian's package of each module: { numpy: 'python3-numpy' }
 */
export function pythonWith(packages: Readonly<Record<string, string>>): {
  readonly python: string;
  readonly versions: Readonly<Record<string, string>>;
} {
  const python = process.env.MIS_BENCH_PYTHON ?? '/usr/bin/python3';
  const lines = Object.keys(packages).map((name) => `import ${name}; found["${name}"] = ${name}.__version__`);
  const program = ['import json', 'found = {}', ...lines, 'print(json.dumps(found))'].join('\n');
  const { status, stdout } = spawnSync(python, ['-c', program], { encoding: 'utf8' });
  if (status === 0) return { python, versions: JSON.parse(stdout) as Record<string, string> };
  const names = Object.values(packages).join(' ');
  throw new UserError(
    `What this is compared with is missing: ${python} can't import ${Object.keys(packages).join(', ')}. Install it (Debian: apt-get install ${names}), or name another Python in MIS_BENCH_PYTHON.`,
  );
}
