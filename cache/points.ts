import { once } from 'node:events';
import { writeSync } from 'node:fs';

/**
 * A named place where a test can stop a process, to kill it there or to let another one overtake it. With
 * `MIS_TEST_PAUSE=NAME` the process prints the name and waits for a line on standard input; otherwise nothing happens.
 */
export async function point(name: string): Promise<void> {
  if (process.env.MIS_TEST_PAUSE !== name) return;
  writeSync(1, `${name}\n`);
  process.stdin.resume();
  await once(process.stdin, 'data');
  process.stdin.pause();
}
