import { spawnSync } from 'node:child_process';

/**
 * Debian's Python with the given modules, or undefined. On CI a missing module is a failure; elsewhere the suite that
 * needs it is skipped, with the install command in its name: `describe.skipIf(!python)(title(...))`.
 */
export function pythonWith(...modules: string[]): string | undefined {
  const python = process.env.MIS_TEST_PYTHON ?? '/usr/bin/python3';
  const found = spawnSync(python, ['-c', modules.map((name) => `import ${name}`).join('\n')]);
  if (found.status === 0) return python;
  if (process.env.CI) throw new Error(`CI needs ${python} with ${modules.join(', ')}: ${found.stderr}`);
  return undefined;
}

/** Debian packages that hold the modules, for the message of a skipped suite. */
export const INSTALL =
  'apt-get install python3-torch python3-torchvision python3-pil python3-numpy python3-scipy';

/** Runs a Python program with a JSON value on standard input; returns the JSON that it prints. */
export function runPython<T>(python: string, program: string, input: unknown, args: string[] = []): T {
  const run = spawnSync(python, ['-c', program, ...args], {
    input: JSON.stringify(input),
    maxBuffer: 1 << 30,
    encoding: 'utf8',
  });
  if (run.status !== 0) throw new Error(`python failed: ${run.stderr}`);
  return JSON.parse(run.stdout) as T;
}
