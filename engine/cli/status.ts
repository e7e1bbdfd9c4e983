import { freshness, survey } from '../plan/survey.ts';
import { isDone } from '../plan/task.ts';
import { painter, plural } from '../ui/format.ts';
import { type GraphOptions, withContext } from './context.ts';

/** `mis status`: a line a stage, how many of its tasks are up to date. */
export async function status(options: GraphOptions & { json?: boolean }): Promise<number> {
  return withContext(options, [], async ({ pipeline, stages, store }) => {
    const surveyed = await survey(pipeline, stages, store);
    const colour = painter(process.stdout);
    const paint = { fresh: colour.green, stale: colour.blue, depends: colour.yellow };
    for (const each of surveyed) {
      const { name } = each.stage.spec;
      const state = freshness(each);
      const fresh = each.tasks.filter(({ outcome }) => isDone(outcome)).length;
      const stale = each.tasks.filter(({ outcome }) => outcome.state === 'will-run').length;
      const unfit = each.tasks.filter(({ outcome }) => outcome.state === 'impossible').length;
      const depends = each.tasks.length - fresh - stale - unfit;
      if (options.json) {
        process.stdout.write(
          `${JSON.stringify({ stage: name, state, fresh, stale, depends, ...(unfit && { impossible: unfit }), tasks: each.unknown ? null : each.tasks.length, ...(each.settings && { settings: each.settings }) })}\n`,
        );
        continue;
      }
      const parts = [
        each.unknown ? 'tasks not known yet' : `${fresh} of ${each.tasks.length} up to date`,
        ...(stale ? [`${stale} to run`] : []),
        ...(depends ? [`${depends} depending on earlier stages`] : []),
        ...(unfit ? [`${unfit} not possible`] : []),
        ...(each.settings ? [`with ${plural(each.settings, 'setting')}`] : []),
      ];
      process.stdout.write(`${paint[state](state.padEnd(8))} ${name.padEnd(22)} ${parts.join(', ')}\n`);
    }
    return 0;
  });
}
