import { z } from 'zod';
import { defineStage } from '../../engine/stage.ts';
import { reportVersions } from './versions.ts';

const params = z.strictObject({
  title: z.string().default('Machine interpretability scores').meta({ description: 'Headline of the page.' }),
  notes: z
    .array(z.string())
    .default([])
    .meta({ description: 'What readers must know first; shown at the top.' }),
  'show-units': z.int().min(0).default(6).meta({
    description:
      'Units of each model that are shown with pictures, evenly from the highest MIS to the lowest.',
  }),
  encoders: z.array(z.string()).default([]).meta({
    description:
      'Encoders in the order to show them; the first is the main one, whose scores the page shows. Others follow by name.',
  }),
  mark: z.array(z.string()).default([]).meta({ description: 'Models to be marked in figures.' }),
  bootstrap: z.int().min(1).default(10_000).meta({ description: 'Resamples of intervals over units.' }),
  seed: z.int().default(0).meta({ description: 'Seed of these bootstraps.' }),
  orientation: z.enum(['apply', 'ignore']).default('apply').meta({
    description: 'Whether pictures are turned upright by EXIF, as the data set is read.',
  }),
  'alpha-source': z
    .union([z.enum(['assumed', 'fitted']), z.record(z.string(), z.enum(['assumed', 'fitted']))])
    .default('assumed')
    .meta({ description: 'Whether α was fitted on human answers: for all encoders, or by encoder.' }),
  settings: z
    .record(z.string(), z.union([z.string(), z.number(), z.boolean()]))
    .default({})
    .meta({
      description: 'Further settings to be listed as they are, by the name to show.',
    }),
  descriptions: z.record(z.string(), z.string()).default({}).meta({
    description: 'A line about a model or an encoder, by its name.',
  }),
});
export type Params = z.infer<typeof params>;

export default defineStage<Params>({
  summary: 'Write the report: tables, figures and a page that opens from disk',
  params,
  inputs: {
    units: { take: 'each' },
    tasks: { take: 'each' },
    accuracy: { take: 'each', optional: true },
    zoo: { take: 'each', optional: true },
    extremes: { take: 'each', optional: true },
    sweep: { take: 'one', optional: true },
    images: { take: 'each' },
    places: { take: 'each', counts: false },
    skipped: { take: 'each', optional: true },
  },
  outputs: { report: { kind: 'folder', what: 'index.html with tables/, figures/ and images/; summary.txt' } },
  environment: reportVersions,
  async run(task) {
    const { writeReport } = await import('./write.ts');
    await writeReport(task);
  },
});
