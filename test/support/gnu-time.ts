import { existsSync } from 'node:fs';

/**
 * Whether the benchmarks can measure children: they need GNU time. On CI its absence is a failure; elsewhere what needs it
 * is skipped, with the install command in its name.
 */
export function hasGnuTime(): boolean {
  const found = existsSync('/usr/bin/time');
  if (!found && process.env.CI) throw new Error('CI needs /usr/bin/time: apt-get install time');
  return found;
}
