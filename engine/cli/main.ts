import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { GraphOptions } from './context.ts';

const VERSION = (
  JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }
).version;

/**
 * Runs the command line; returns the exit code. Expected failures are one paragraph on standard error, bugs a stack; both
 * have exit code 1.
 */
export async function main(argv: readonly string[]): Promise<number> {
  process.stdout.on('error', endWhenClosed);
  let code = 0;
  const program = build((result) => {
    code = result;
  });
  try {
    await program.parseAsync(argv);
    return code;
  } catch (error) {
    const { failureText } = await import('../run/reporter.ts');
    process.stderr.write(`mis: ${failureText(error)}\n`);
    return 1;
  }
}

/** Who reads our output may have read enough, as in `mis path images | head -1`. */
function endWhenClosed(error: NodeJS.ErrnoException) {
  if (error.code === 'EPIPE') process.exit(process.exitCode ?? 0);
  throw error;
}

const collect = (value: string, all: readonly string[] = []) => [...all, value];

function positive(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new InvalidArgumentError('It takes a whole number from 1.');
  return value;
}

/** Options of the commands that read a pipeline and a config. */
function overGraph(command: Command): Command {
  return command
    .option(
      '-c, --config <file>',
      'config file; several are layered, a later one wins (default: configs/default.yaml)',
      collect,
    )
    .option('--set <key=value>', 'override one key of the config, e.g. --set score.alpha=0.2', collect)
    .option(
      '-p, --pipeline <file>',
      'graph of stages (default: pipeline.yaml here, else the one of this package)',
    )
    .option('--store <dir>', 'store of results (default: $MIS_STORE or .mis)');
}

function build(done: (code: number) => void): Command {
  const program = new Command('mis')
    .description('Machine Interpretability Score of every unit of a vision network.')
    .version(VERSION)
    .showHelpAfterError('(mis --help lists the commands)')
    .addHelpText(
      'after',
      '\nExamples:\n  mis run                              everything, or what changed since the last time\n  mis run --dry-run --set task.n=10    what that would cost\n  mis why score-mis                    why it ran, old → new',
    );

  overGraph(program.command('run'))
    .description(
      'run the graph (or the given stages with what they need); what is up to date is not run again',
    )
    .argument('[stages...]', 'stages to run')
    .option('-n, --dry-run', 'say what would run, and what that is likely to cost')
    .option('-j, --jobs <n>', 'tasks at the same time', positive, availableParallelism())
    .option('--json', 'one JSON object a line')
    .action(async (stages: string[], options) => done(await (await import('./run.ts')).run(stages, options)));

  overGraph(program.command('status'))
    .description('how much of each stage is up to date')
    .option('--json', 'one JSON object a line')
    .action(async (options) => done(await (await import('./status.ts')).status(options)));

  overGraph(program.command('why'))
    .description('why a stage ran, or will run: which parameter, file, code or input changed, old → new')
    .argument('<stage>', 'name of a stage')
    .option('--json', 'one JSON object a task')
    .action(async (stage: string, options) => done(await (await import('./why.ts')).why(stage, options)));

  overGraph(program.command('dag'))
    .description('draw the graph of stages, coloured by freshness')
    .addOption(
      new Option('-f, --format <format>', 'kind of drawing')
        .choices(['text', 'mermaid', 'dot'])
        .default('text'),
    )
    .action(async (options) => done(await (await import('./dag.ts')).dag(options.format, options)));

  overGraph(program.command('path'))
    .description('print where outputs lie in the store, one file a line, for scripts to open')
    .argument('<stage>', 'name of a stage')
    .argument('[output]', 'only this output, e.g. activations, shards.images, report/tables/units.parquet')
    .option('--where <name=value>', 'only tasks with this variable, e.g. --where model=resnet', collect)
    .option('--json', 'one JSON object a file, with its variables')
    .action(async (stage: string, output: string | undefined, options) =>
      done(await (await import('./path.ts')).path(stage, output, options)),
    );

  overGraph(program.command('config'))
    .description('print the config after all layers')
    .option('--json', 'as JSON')
    .action(async (options) => done(await (await import('./config.ts')).config(options)));

  program
    .command('gc')
    .description('show what nothing needs any more; remove it with --yes')
    .option('--store <dir>', 'store of results (default: $MIS_STORE or .mis)')
    .option('--keep-runs <n>', 'complete runs whose results are kept, for each folder', positive, 1)
    .option('-y, --yes', 'remove it')
    .action(async (options: GraphOptions) => done(await (await import('./gc.ts')).gc(options)));

  const models = program.command('models').description('look into models');
  models
    .command('inspect')
    .description('list the layers of an ONNX model that have units: names, types, units, shapes')
    .argument('<file>', 'ONNX file')
    .option('--json', 'as JSON')
    .action(async (file: string, options) =>
      done(await (await import('./models.ts')).inspect(file, options)),
    );

  program
    .command('schema')
    .description('print the JSON Schemas of the YAML files')
    .argument('[name]', 'only this one: pipeline, config, model, …')
    .option('-p, --pipeline <file>', 'graph of stages')
    .option('--write <dir>', 'write them as NAME.schema.json into a folder')
    .action(async (name: string | undefined, options) =>
      done(await (await import('./schema.ts')).schema(name, options)),
    );

  return program;
}
