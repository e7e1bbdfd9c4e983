import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { plural } from '../ui/format.ts';
import { type Context, loadSpec, withSpec } from './context.ts';
import { printPlan } from './dry-run.ts';
import { commandOf, onInterrupt, type RunCommand, runWithView } from './run.ts';
import { type SweepArguments, sweepSpec } from './sweep-spec.ts';

export interface SweepCommand extends RunCommand, Omit<SweepArguments, 'settings' | 'only' | 'grid'> {
  readonly grid?: boolean;
  readonly only?: readonly string[];
}

/** `mis sweep PATH=VALUES…`: runs the varying stage with these settings. Returns the exit code. */
export async function sweep(settings: readonly string[], options: SweepCommand): Promise<number> {
  const startup = performance.now();
  const { spec, stage } = sweepSpec(await loadSpec(options), {
    ...options,
    settings,
    grid: options.grid ?? false,
    only: options.only ?? [],
  });
  const stopping = onInterrupt();
  const work = async (context: Context): Promise<number> => {
    const told = settingsText(context);
    if (options.dryRun) {
      await printPlan(context, options.json === true);
      if (!options.json) process.stdout.write(`${told}\n`);
      return 0;
    }
    const command = commandOf(['sweep', ...settings, ...(options.grid ? ['--grid'] : [])], options);
    const end = await runWithView(context, { ...options, command }, stopping.signal, 'sweep');
    if (end.interrupted) return 130;
    if (end.failed > 0) return 1;
    const folder = resolve(stage.publish!.to);
    const page = join(folder, 'index.html');
    if (options.json) return 0;
    const summary = join(folder, 'summary.txt');
    if (existsSync(summary)) process.stdout.write(`\n${readFileSync(summary, 'utf8')}\n`);
    process.stdout.write(`${told}\n${stage.name}: ${existsSync(page) ? page : folder}\n`);
    return 0;
  };
  try {
    return await withSpec(spec, options, [stage.name], work, startup);
  } finally {
    stopping.end();
  }
}

/** `24 settings of score.alpha, task.n beside the config's own.` */
function settingsText({ stages }: Context): string {
  const settings = new Set(stages.map(({ setting }) => setting).filter((setting) => setting !== ''));
  const paths = new Set([...settings].flatMap((text) => text.match(/(?<=^|,)[A-Za-z0-9_.-]+(?==)/g) ?? []));
  if (settings.size === 0) return "No setting that differs from the config's own.";
  return `${plural(settings.size, 'setting')} of ${[...paths].join(', ')}, beside the config's own.`;
}
