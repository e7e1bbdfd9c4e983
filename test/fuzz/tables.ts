import { openKept } from '../../tables/activation-extremes.ts';
import type { ActivationBatch } from '../../tables/activations.ts';
import { newSlab } from '../../tables/arrow.ts';
import { openEmbeddings } from '../../tables/embeddings.ts';
import { openExplanations } from '../../tables/explanations.ts';
import { readImages } from '../../tables/images.ts';
import { openMargins } from '../../tables/margins.ts';
import { readPlaces } from '../../tables/places.ts';
import { readPredictions } from '../../tables/predictions.ts';
import { openTasks, readUnits } from '../../tables/scores.ts';
import { readUnitStats } from '../../tables/unit-stats.ts';
import type { Kind } from './corpus/index.ts';
import { Wrong } from './wrong.ts';

/** Reads a table as the stages do; throws when its columns don't have the same number of rows. */
export async function readTable(kind: Kind, file: string): Promise<void> {
  if (kind === 'images') return sameLengths(await readImages(file));
  if (kind === 'places') return sameLengths(await readPlaces(file));
  if (kind === 'unit-stats') return sameLengths(await readUnitStats(file));
  if (kind === 'units') return sameLengths(await readUnits(file));
  if (kind === 'predictions') {
    const { paths, top1, top5, k } = await readPredictions(file);
    if (paths.length !== top1.length || top5.length !== k * paths.length)
      throw new Wrong('rows of different lengths');
    return;
  }
  if (kind === 'activations') return readActivations(file);
  if (kind === 'embeddings') return readEmbeddings(file);
  const open = { explanations: openExplanations, margins: openMargins, tasks: openTasks }[kind as 'margins'];
  const table = await open(file);
  try {
    for await (const rows of table.batches())
      sameLengths(rows, 'references' in table ? Number(table.references) : 0);
  } finally {
    await table.close();
  }
}

async function readActivations(file: string): Promise<void> {
  const table = await openKept(file);
  try {
    if (table.form === 'extremes') {
      for await (const { high, low, sums } of table.units(0, Number.POSITIVE_INFINITY)) {
        for (const { values, images } of [high, low])
          if (values.length !== table.depth || images.length !== table.depth)
            throw new Wrong(
              `${values.length} values of ${images.length} images at a depth of ${table.depth}`,
            );
        if (sums.length !== 4) throw new Wrong(`${sums.length} sums`);
      }
      return;
    }
    const check = (batch: ActivationBatch) => {
      for (const [i, { units }] of table.layers.entries()) {
        const { length } = batch.layer(i);
        if (length !== batch.rows * units)
          throw new Wrong(`${length} values in ${batch.rows} rows of ${units}`);
      }
      if (batch.paths.length !== batch.rows)
        throw new Wrong(`${batch.paths.length} paths in ${batch.rows} rows`);
    };
    const slab = newSlab();
    for (let i = 0; i < table.batchCount; i++)
      check(await table.part(i, [...table.layers.keys()], slab, true));
    for await (const batch of table.batches()) check(batch);
  } finally {
    await table.close();
  }
}

async function readEmbeddings(file: string): Promise<void> {
  const table = await openEmbeddings(file);
  try {
    for await (const { paths, embeddings } of table.batches()) {
      if (embeddings.length !== paths.length * table.dimensions)
        throw new Wrong('embeddings of another length');
    }
  } finally {
    await table.close();
  }
}

/** All lists of one length; those named `references…` a whole multiple of it. */
function sameLengths(columns: object, references = 0): void {
  const lists = Object.entries(columns).filter(
    ([, value]) => typeof value === 'object' && value && 'length' in value,
  ) as [string, ArrayLike<unknown>][];
  const rows = lists[0]![1].length;
  for (const [name, { length }] of lists) {
    const right = name.startsWith('references')
      ? length === rows * references || rows === 0
      : length === rows;
    if (!right) throw new Wrong(`${name} has ${length} values, the first column ${rows}`);
  }
}
