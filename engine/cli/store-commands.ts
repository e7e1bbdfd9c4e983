import type { Command } from 'commander';
import { count, size, span } from './amounts.ts';

const collect = (value: string, all: readonly string[] = []) => [...all, value];

const WHICH = 'id of a run, the beginning of one, or the name of a pin';

/** Commands that keep the store: what lies in it, whether it is whole, what may go, how a run moves to another machine. */
export function addStoreCommands(program: Command, done: (code: number) => void): void {
  const command = (name: string): Command =>
    program.command(name).option('--store <dir>', 'store of results (default: $MIS_STORE or .mis)');

  command('runs')
    .description('list the runs in the store, newest first')
    .option('-a, --all', 'all of them, not only the last 30')
    .option('--json', 'one JSON object a run, all of them')
    .addHelpText('after', '\nTwo of them are compared by "mis diff RUN_A RUN_B".')
    .action(async (options) => done(await (await import('./runs.ts')).runs(options)));

  command('pin')
    .description('name a run whose results "mis gc" must never remove; without a name, list these')
    .argument('[name]', 'a name for the run: letters, digits, ".", "_", "-"')
    .argument('[run]', `${WHICH} (default: the last complete one)`)
    .option('--remove', 'take the name away')
    .option('--json', 'the list as one JSON object a line')
    .action(async (name: string | undefined, run: string | undefined, options) =>
      done(await (await import('./pin.ts')).pin(name, run, options)),
    );

  command('verify')
    .description(
      'hash every file in the store and check every result; what is damaged is set aside and made anew by the next run',
    )
    .option('--json', 'one JSON object for each problem; the last line sums up')
    .addHelpText('after', '\nExit code: 0 when all is good, 1 when something was not.')
    .action(async (options) => done(await (await import('./verify.ts')).verify(options)));

  command('gc')
    .description('show what nothing needs any more, by stage; remove it with --yes')
    .option('-y, --yes', 'remove it')
    .option(
      '--keep-runs <n>',
      'keep the results of so many complete runs of each config and folder (default: 1; with --run or --max-size: 0)',
      count,
    )
    .option('--older-than <time>', 'only what no run has used for so long: 30d, 12h, 2w', span)
    .option(
      '--max-size <size>',
      'only as much, least recently used first, as brings the store below: 50GB',
      size,
    )
    .option('--run <run>', `keep only what this run needs (${WHICH}); may be given several times`, collect)
    .option('--json', 'as one JSON object')
    .addHelpText(
      'after',
      '\nWhat a pinned run, a running one, or a process at work needs is never removed. The options add up: what goes has to fit all.',
    )
    .action(async (options) => done(await (await import('./gc.ts')).gc(options)));

  command('export')
    .description('write a run with all its results into one tar file, for another machine or for keeping')
    .argument('[run]', `${WHICH} (default: the last complete one)`)
    .requiredOption('-o, --output <file>', 'the file to write')
    .option('--json', 'what was written, as one JSON object')
    .action(async (run: string | undefined, options) =>
      done(await (await import('./export.ts')).exportRun(run, options)),
    );

  command('import')
    .description(
      'take in a run from a file that "mis export" wrote; every byte is checked before anything counts',
    )
    .argument('<file>', 'the tar file')
    .option('--json', 'what was taken in, as one JSON object')
    .action(async (file: string, options) =>
      done(await (await import('./import.ts')).importRun(file, options)),
    );
}
