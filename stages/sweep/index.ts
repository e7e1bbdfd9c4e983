import { z } from 'zod';
import { defineStage } from '../../engine/stage.ts';
import { drawingVersions } from '../../figures/versions.ts';

const params = z.strictObject({
  alpha: z.number().positive().meta({ description: "The config's own α, around which settings are varied." }),
  n: z.int().min(1).meta({ description: 'The same for the tasks a unit (N).' }),
  k: z.int().min(1).meta({ description: 'The same for the explanation images a side and task (K).' }),
  difficulty: z
    .union([z.string(), z.number()])
    .meta({ description: 'The same for where the queries stand.' }),
  bootstrap: z.int().min(1).default(10_000).meta({ description: 'Resamples of intervals over units.' }),
  seed: z.int().default(0).meta({ description: 'Seed of these bootstraps.' }),
});
export type Params = z.infer<typeof params>;

export default defineStage<Params>({
  summary: 'Put the scores of varied settings side by side: one long table and its figures',
  params,
  inputs: { units: { take: 'each' }, tasks: { take: 'each' } },
  outputs: {
    sweep: { kind: 'folder', what: 'sweep.csv, units.parquet, task-count.csv, figures/ and summary.txt' },
  },
  environment: drawingVersions,
  async run(task) {
    const { writeSweep } = await import('./run.ts');
    await writeSweep(task);
  },
});
