import type { Command } from 'commander';

const WHICH = 'id of a run, the beginning of one, a pin, last, last~1 (the one before), …';

/** Commands over what past runs left: compare two of them, and tell where a file comes from. */
export function addRunCommands(program: Command, done: (code: number) => void): void {
  program
    .command('diff')
    .description(
      'compare two runs: parameters, code, files and environment; then what they put out, with figures laid over each other',
    )
    .argument('[run-a]', `${WHICH} (default: of the last two with a result the older)`)
    .argument('[run-b]', `${WHICH} (default: the newer)`)
    .option('--to <dir>', 'folder that the comparison is written to (default: ./diff, as the pipeline says)')
    .option('-p, --pipeline <file>', 'graph of stages')
    .option('--store <dir>', 'store of results (default: $MIS_STORE or .mis)')
    .option('--json', 'as one JSON object')
    .addHelpText('after', '\n"mis runs" lists the runs. The comparison itself is kept in the store.')
    .action(async (a: string | undefined, b: string | undefined, options) =>
      done(await (await import('./diff.ts')).diff(a, b, options)),
    );

  program
    .command('trace')
    .description(
      'tell where a file comes from: the task that made it, its parameters, code and environment, back to models and images',
    )
    .argument('<file>', 'a figure, table or page of a report, or any other file that a run put out')
    .option('-a, --all', 'every task and every file of code, not only groups of them')
    .option('--store <dir>', 'store of results (default: $MIS_STORE or .mis)')
    .option('--json', 'the whole chain as one JSON object')
    .action(async (file: string, options) =>
      done(await (await import('./trace.ts')).traceFile(file, options)),
    );
}
