import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { Command, InvalidArgumentError, Option } from 'commander';
import { addRunCommands } from './run-commands.ts';
import { addStoreCommands } from './store-commands.ts';

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
    if (error instanceof Error && error.name === 'NotCompiled') throw error;
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

  overGraph(program.command('sweep'))
    .description(
      "run the stage that varies settings with these, one at a time beside the config's own; tasks that a setting doesn't change are not run again",
    )
    .argument(
      '[settings...]',
      'KEY=VALUES, each a value, a list with commas, or a range (default: those of the config)',
    )
    .option('--grid', 'every combination of the values, not one at a time')
    .option('--only <name=values>', 'only these elements, e.g. --only model=resnet,vgg (all: *)', collect)
    .option('--to <dir>', 'folder for what it puts out', './sweep')
    .option('--stage <name>', 'the stage, where several vary settings')
    .option('-n, --dry-run', 'say what would run, and what that is likely to cost')
    .option('-j, --jobs <n>', 'tasks at the same time', positive, availableParallelism())
    .option('--json', 'one JSON object a line')
    .addHelpText(
      'after',
      `
Values:
  5   easy   1,3,5,9          values, with commas between them
  1..20   1..20..5            whole numbers, both ends in; every fifth
  0.04:0.64:log5              five values, each the same multiple of the one before
  0:1:lin5                    five values, evenly spaced

Settings that don't fit the data are told and left out; that is no failure.

Examples:
  mis sweep score.alpha=0.04:0.64:log5 task.n=1..20 task.k=1,3,5,9 task.difficulty=easy,medium,hard
  mis sweep task.n=5,10,20 task.k=1,3 --grid --only model=resnet --to out/grid`,
    )
    .action(async (settings: string[], options) =>
      done(await (await import('./sweep.ts')).sweep(settings, options)),
    );

  overGraph(program.command('status'))
    .description('how much of each stage is up to date')
    .option('--json', 'one JSON object a line')
    .action(async (options) => done(await (await import('./status.ts')).status(options)));

  overGraph(program.command('why'))
    .description('why a stage ran, or will run: which parameter, file, code or input changed, old → new')
    .argument('<stage>', 'name of a stage')
    .option(
      '--vs <run...>',
      'compare with a past run how things are now, or two past runs (ids, beginnings, pins)',
    )
    .option('--json', 'one JSON object a task')
    .action(async (stage: string, options) =>
      done(
        options.vs
          ? await (await import('./why-vs.ts')).whyVersus(stage, options.vs, options)
          : await (await import('./why.ts')).why(stage, options),
      ),
    );

  overGraph(program.command('check'))
    .description(
      'run the graph twice in empty stores and compare all that it puts out byte for byte; then compare results with the values that the config expects',
    )
    .argument('[stages...]', 'only these stages with what they need, without expected values')
    .option('--determinism', 'only the two runs')
    .option('--expect', 'only the expected values, against the results in the store; runs nothing')
    .option(
      '-j, --jobs <n>',
      'tasks at the same time in the first run; the second has another number',
      positive,
      availableParallelism(),
    )
    .option(
      '--temp <dir>',
      'where the two stores are made, and removed (default: the folder for temporary files)',
    )
    .option('--json', 'the findings as one JSON object')
    .action(async (stages: string[], options) =>
      done(await (await import('./check.ts')).check(stages, options)),
    );

  program
    .command('profile')
    .description(
      "where a run's time went: by stage, outside of tasks, and the chain of tasks that takes longest",
    )
    .argument('[run]', 'id of a run, the beginning of one, or the name of a pin (default: the newest)')
    .option('--store <dir>', 'store of results (default: $MIS_STORE or .mis)')
    .option('--json', 'as JSON; times in ms, sizes in bytes')
    .action(async (name: string | undefined, options) =>
      done(await (await import('./profile.ts')).profile(name, options)),
    );

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

  addRunCommands(program, done);
  addStoreCommands(program, done);

  program
    .command('remote')
    .description(
      'show the place where results are shared, or set it: a folder, https://HOST/PATH, s3://BUCKET/PREFIX; none ends it',
    )
    .argument('[place]', 'from now on this one; "mis run" takes from it what it lacks')
    .option('--store <dir>', 'store of results (default: $MIS_STORE or .mis)')
    .action(async (place: string | undefined, options) =>
      done(await (await import('./remote.ts')).remote(place, options)),
    );

  program
    .command('push')
    .description('send a run and its results to the remote, as far as it lacks them')
    .argument(
      '[run]',
      'id of a run, the beginning of one, or the name of a pin (default: the last complete one)',
    )
    .option('--store <dir>', 'store of results (default: $MIS_STORE or .mis)')
    .action(async (name: string | undefined, options) =>
      done(await (await import('./push.ts')).push(name, options)),
    );

  program
    .command('pull')
    .description('bring a run and all its results from the remote, as far as they are not here')
    .argument('[run]', 'id of a run at the remote (default: the newest one there)')
    .option('--store <dir>', 'store of results (default: $MIS_STORE or .mis)')
    .action(async (name: string | undefined, options) =>
      done(await (await import('./pull.ts')).pull(name, options)),
    );

  const models = program.command('models').description('look into models');
  models
    .command('inspect')
    .description('list the layers of an ONNX model that have units: names, types, units, shapes')
    .argument('<file>', 'ONNX file')
    .option('--json', 'as JSON')
    .action(async (file: string, options) =>
      done(await (await import('./models.ts')).inspect(file, options)),
    );
  models
    .command('add')
    .description(
      'write the YAML of a model: look into it, propose layers and preprocessing, run one batch as a check',
    )
    .argument('<source>', 'ONNX file, hf://ORG/NAME[@REVISION]/PATH, https://…, or npm:PACKAGE@VERSION/PATH')
    .option('--name <name>', "the model's name (default: the file's)")
    .option('--into <dir>', 'folder of the YAML (default: configs/models, for an encoder configs/encoders)')
    .option('--preprocess <keys>', 'how images are prepared, e.g. "size: 224, mean: 0.5, std: 0.5"')
    .option('--force', 'write over a YAML that is there')
    .action(async (source: string, options) =>
      done(await (await import('./models-add.ts')).add(source, options)),
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
