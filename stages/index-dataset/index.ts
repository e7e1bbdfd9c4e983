import { z } from 'zod';
import { defineStage } from '../../engine/stage.ts';
import { decoderVersions } from '../../vision/images/versions.ts';

const subset = z
  .strictObject({
    classes: z.array(z.string()).min(1).optional().meta({ description: 'Only images with these labels.' }),
    sample: z
      .strictObject({ n: z.int().min(1), seed: z.int().default(0) })
      .optional()
      .meta({
        description:
          'n images drawn at random by their paths: adding images to the data set changes few of them.',
      }),
    limit: z.int().min(1).optional().meta({ description: 'The first so many in the order of their paths.' }),
  })
  .optional()
  .meta({ description: 'A part of the data set: first `classes`, then `sample`, then `limit`.' });

const params = z.strictObject({
  format: z.enum(['auto', 'folder', 'webdataset', 'parquet', 'list', 'imagenet']).default('auto').meta({
    description:
      "folder: images by class (ImageFolder); webdataset: tars; parquet: Hugging Face's files of images; list: CSV, TSV or Parquet file of paths and labels; imagenet: folder whose flat validation images must have their ground truth; auto: by what the path is.",
  }),
  split: z.string().min(1).optional().meta({
    description:
      'Which split (train, val, test) where the path holds several: a folder of that name, or tars or Parquet files whose names tell it.',
  }),
  columns: z
    .strictObject({
      image: z
        .string()
        .min(1)
        .optional()
        .meta({ description: 'Column of images (Parquet), or of paths (list).' }),
      label: z.string().min(1).optional().meta({ description: 'Column of labels.' }),
    })
    .default({})
    .meta({ description: 'Columns of Parquet files and lists, where they are not named in a usual way.' }),
  subset,
  shards: z.int().min(1).max(9999).default(8).meta({
    description: 'How many parts the data set is worked on in; each image belongs to one by its path.',
  }),
  orientation: z.enum(['apply', 'ignore']).default('apply').meta({
    description: 'apply: turn images upright by EXIF; ignore: as stored, like ImageFolder.',
  }),
  'on-error': z.enum(['stop', 'skip']).default('stop').meta({
    description: "What to do with an image that can't be decoded: stop, or leave it out and list it.",
  }),
});
export type Params = z.infer<typeof params>;

/**
 * Lists, digests and decodes every image once, so that all later stages see the same images whatever the model, and
 * none of them meets one that can't be decoded. Decoding is most of what it costs: 0.7 CPU ms for a 32 × 32 PNG, 4 for a
 * 500 × 375 JPEG of 110 KB (measured on 2 cores with other work on them). What was found out about a file is kept beside
 * the store, so that later runs look only at files that are new or changed.
 */
export default defineStage<Params>({
  summary: 'List, digest and check the images of the data set',
  params,
  files: {
    path: {
      by: 'listing',
      what: 'folder of images by class, WebDataset tars, Parquet files, or list of paths',
      async also(path) {
        if (!/\.(csv|tsv|parquet)$/i.test(path)) return [];
        const { filesInList } = await import('../../vision/images/sources/index.ts');
        return filesInList(path);
      },
    },
    labels: {
      by: 'content',
      what: 'file of labels',
      optional: true,
      async also(path) {
        const { besideTruth } = await import('../../vision/images/sources/index.ts');
        return besideTruth(path);
      },
    },
  },
  outputs: {
    skipped: { kind: 'file', what: "Images that were left out because they can't be decoded (JSON)" },
    classes: {
      kind: 'file',
      what: 'Classes of the data set in the order of their numbers, where it tells them (JSON)',
      optional: true,
    },
  },
  lists: {
    shards: {
      images: { kind: 'file', what: 'Image index: path, digest, label and size of every image (Arrow)' },
      places: { kind: 'file', what: 'Where the bytes of every image lie (Arrow)' },
    },
  },
  environment: decoderVersions,
  async run(task) {
    const { indexDataset } = await import('./build.ts');
    await indexDataset(task);
  },
});
