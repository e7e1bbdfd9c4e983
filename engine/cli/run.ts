import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { canonicalJson } from '../../common/json.ts';
import type { Emit, RunEnd } from '../run/events.ts';
import { runPipeline } from '../run/run.ts';
import { resolvedConfig } from '../spec/resolved.ts';
import { type Context, type GraphOptions, withContext } from './context.ts';

export interface RunCommand extends GraphOptions {
  readonly jobs: number;
  readonly json?: boolean;
  readonly dryRun?: boolean;
}

/** `mis run [STAGE…]`. Returns the exit code. */
export async function run(targets: readonly string[], options: RunCommand): Promise<number> {
  if (options.dryRun) return (await import('./dry-run.ts')).dryRun(targets, options);
  const stopping = onInterrupt();
  try {
    return await withContext(options, targets, async (context) => {
      const command = commandOf(['run', ...targets], options);
      const end = await runWithView(context, { ...options, command }, stopping.signal);
      if (end.interrupted) return 130;
      if (end.failed > 0) return 1;
      if (!options.json) show(context, end.ran > 0);
      return 0;
    });
  } finally {
    stopping.end();
  }
}

/** The command again, as far as it says what is to be run: its words, config, settings. */
export function commandOf(
  words: readonly string[],
  { config = [], set = [], pipeline }: GraphOptions,
): string[] {
  const settings = set.flatMap((each) => ['--set', each]);
  const files = config.flatMap((each) => ['-c', each]);
  return [...words, ...(pipeline ? ['-p', pipeline] : []), ...files, ...settings];
}

/**
 * Runs what was prepared, in view of the person.
 *
 * @param kind sets such runs apart from others of the same config: garbage collection keeps the last of each kind
 */
export async function runWithView(
  context: Context,
  options: Pick<RunCommand, 'jobs' | 'json'> & { readonly command: readonly string[] },
  signal: AbortSignal,
  kind?: string,
): Promise<RunEnd> {
  const emit = await view(options.json === true);
  const group = [process.cwd(), context.pipeline.path, ...context.configFiles];
  return runPipeline({
    ...context,
    jobs: options.jobs,
    emit,
    signal,
    config: resolvedConfig(context.config, context.shape),
    group: canonicalJson(kind === undefined ? group : [...group, kind]),
    command: options.command,
    ...(kind !== undefined && { whole: true }),
  });
}

async function view(json: boolean): Promise<Emit> {
  const lines = (stream: NodeJS.WriteStream) => (line: string) => void stream.write(`${line}\n`);
  const output = { out: lines(process.stdout), err: lines(process.stderr) };
  if (json) return (await import('../ui/json.ts')).jsonView(output);
  if (process.stdout.isTTY) return (await import('../ui/live.ts')).liveView(process.stdout);
  return (await import('../ui/plain.ts')).plainView(output);
}

/** Prints the published summaries after a run that did something, and where the results lie. */
export function show({ stages }: Context, changed: boolean) {
  for (const { spec, setting } of stages) {
    if (!spec.publish || setting !== '') continue;
    const folder = resolve(spec.publish.to);
    if (spec.publish.show && changed)
      process.stdout.write(`\n${readFileSync(join(folder, spec.publish.show), 'utf8')}`);
    const page = join(folder, 'index.html');
    process.stdout.write(`${changed ? '\n' : ''}${spec.name}: ${existsSync(page) ? page : folder}\n`);
  }
}

/** The first Ctrl-C stops cleanly, the second one at once. */
export function onInterrupt(told = 'Stopping: finished tasks are kept. Press Ctrl-C again to stop at once.') {
  const controller = new AbortController();
  const stop = () => {
    if (controller.signal.aborted) process.exit(130);
    controller.abort();
    process.stderr.write(`\n${told}\n`);
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  return {
    signal: controller.signal,
    end: () => {
      process.off('SIGINT', stop);
      process.off('SIGTERM', stop);
    },
  };
}
