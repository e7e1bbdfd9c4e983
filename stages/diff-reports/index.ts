import { z } from 'zod';
import { defineStage } from '../../engine/stage.ts';
import { drawingVersions } from '../../figures/versions.ts';

const run = z.strictObject({
  run: z.string().meta({ description: 'Id of the run.' }),
  at: z.string().meta({ description: 'When it began, ISO 8601.' }),
  command: z.string().meta({ description: 'The command that asked for it; may be empty.' }),
});

const params = z.strictObject({
  a: run,
  b: run,
  changes: z
    .array(
      z.strictObject({
        kind: z.enum(['parameter', 'code', 'file', 'environment']),
        what: z.string(),
        from: z.string(),
        to: z.string(),
        stages: z.array(z.string()),
      }),
    )
    .meta({ description: 'What the two runs were made of, as far as it differs.' }),
  moved: z.number().min(0).default(0.01).meta({
    description: 'A unit whose MIS changed by more than this counts as moved.',
  }),
  most: z.int().min(1).default(12).meta({
    description: 'Units that are listed on the page, up and down each; the table has all.',
  }),
  bootstrap: z.int().min(1).default(10_000).meta({ description: 'Resamples of intervals over units.' }),
  seed: z.int().default(0).meta({ description: 'Seed of these bootstraps.' }),
});
export type Params = z.infer<typeof params>;

export default defineStage<Params>({
  summary: 'Compare the reports of two runs: scores, units, figures laid over each other',
  params,
  inputs: { a: { take: 'one' }, b: { take: 'one' } },
  outputs: {
    diff: { kind: 'folder', what: 'index.html with tables/ and figures/; summary.txt, summary.json' },
  },
  environment: drawingVersions,
  async run(task) {
    const { writeDiff } = await import('./write.ts');
    await writeDiff(task);
  },
});
