import { openStore } from '../../cache/store.ts';
import { withContext } from '../../engine/cli/context.ts';
import { runPipeline } from '../../engine/run/run.ts';
import { resolvedConfig } from '../../engine/spec/resolved.ts';
import { poolHere } from './in-process.ts';
import { type Project, project } from './support.ts';

/** Runs a project in this process, as `mis run` does; returns the run's id. */
export async function runHere(
  it: Project,
  set: readonly string[] = [],
  targets: readonly string[] = [],
): Promise<string> {
  return withContext({ store: it.path('.mis'), set }, targets, async (context) => {
    const end = await runPipeline(
      {
        ...context,
        jobs: 2,
        emit: () => undefined,
        signal: new AbortController().signal,
        config: resolvedConfig(context.config, context.shape),
        command: ['run', ...targets, ...set.flatMap((each) => ['--set', each])],
        group: 'test',
      },
      poolHere(context.store),
    );
    return end.run;
  });
}

/** Jobs of `mis diff` in this process; the store is closed with the pool. */
export async function diffPool(it: Project) {
  const store = await openStore(it.path('.mis'));
  return { ...poolHere(store), close: () => store.close() };
}

/** The toy with a stage that writes a folder, published to `page/`, and one that compares two of these. */
export function diffProject(): Project {
  const toy = project('toy', {
    'stages/page/index.ts': `
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { defineStage } from '../../engine/stage.ts';

export default defineStage({
  summary: 'a folder of texts',
  params: z.strictObject({ title: z.string().default('none') }),
  inputs: { text: { take: 'one' }, parts: { take: 'each' } },
  outputs: { page: { kind: 'folder', what: 'texts' } },
  environment: () => ({ printer: '1.0' }),
  async run(task) {
    const folder = task.output('page');
    mkdirSync(join(folder, 'sub'));
    writeFileSync(join(folder, 'sub', 'text.txt'), readFileSync(task.input('text').path));
    writeFileSync(join(folder, 'note.json'), JSON.stringify({ title: task.params.title, fingerprint: task.fingerprint }));
  },
});
`,
    'stages/compare/index.ts': `
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { defineStage } from '../../engine/stage.ts';

const run = z.strictObject({ run: z.string(), at: z.string(), command: z.string() });
export default defineStage({
  summary: 'two texts',
  params: z.strictObject({ a: run, b: run, changes: z.array(z.looseObject({ what: z.string() })) }),
  inputs: { a: { take: 'one' }, b: { take: 'one' } },
  outputs: { diff: { kind: 'folder', what: 'the comparison' } },
  async run(task) {
    const text = (name) => readFileSync(join(task.input(name).path, 'sub', 'text.txt'), 'utf8');
    const told = { a: text('a'), b: text('b'), changed: task.params.changes.map(({ what }) => what) };
    writeFileSync(join(task.output('diff'), 'told.json'), JSON.stringify(told));
    writeFileSync(join(task.output('diff'), 'told.txt'), told.a + ' / ' + told.b + '\\n');
  },
});
`,
  });
  toy.write(
    'pipeline.yaml',
    `${toy.read('pipeline.yaml').trimEnd()}
  page:
    uses: ./stages/page
    with: { title: '\${final.title}' }
    needs: { text: '\${all.joined}', parts: '\${split.parts.words}' }
    publish: { output: page, to: ./page }
diff: { uses: ./stages/compare, of: '\${page.page}', to: ./diff, show: told.txt, json: told.json }
`,
  );
  return toy;
}
