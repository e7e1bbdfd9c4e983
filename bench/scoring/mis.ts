import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openExplanations } from '../../tables/explanations.ts';
import { openMargins } from '../../tables/margins.ts';
import { readUnits } from '../../tables/scores.ts';
import { runChild, succeeded } from '../measure.ts';
import type { Data, Size } from './data.ts';

const CHILD = fileURLToPath(new URL('./child.ts', import.meta.url));
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Seconds of each part. */
export interface Parts {
  readonly selection: number;
  readonly similarity: number;
  readonly scoring: number;
}

/** Two runs in one process: in the first one threads start and the engine compiles what is much used. */
export interface Runs {
  readonly first: Parts;
  readonly again: Parts;
}

interface Given {
  readonly data: Data;
  readonly size: Size;
}

/** Runs the stages in a process of its own: the seconds of each, and the process's largest memory in bytes. */
export async function measureStages(few: Given, all: Given): Promise<Runs & { readonly peak: number }> {
  const args = ['--import', 'tsx', CHILD, JSON.stringify({ few, all })];
  const { stdout, peak } = succeeded('mis', await runChild(process.execPath, args, { cwd: ROOT }));
  return { ...(JSON.parse(stdout) as Runs), peak };
}

/** What the stages put out of the sampled units. */
export interface Sampled {
  /** Raw int32 file [sample × N × (2 + 2K)]: q⁺, q⁻, E⁺, E⁻ of every task. */
  readonly shown: string;
  readonly margins: readonly number[];
  readonly mis: readonly number[];
}

export async function sampled({ folder }: Data, { sample, tasks, references }: Size): Promise<Sampled> {
  const out = (name: string) => join(folder, 'out', name);
  const width = 2 + 2 * references;
  const count = sample * tasks;
  const rows = new Int32Array(count * width);
  const explanations = await openExplanations(out('explanations'));
  let at = 0;
  for await (const batch of explanations.batches()) {
    for (let task = 0; task < batch.unit.length && at < count; task++, at++) {
      const set = (images: Int32Array) => images.subarray(task * references, (task + 1) * references);
      rows.set([batch.query_plus[task]!, batch.query_minus[task]!], at * width);
      rows.set(set(batch.references_plus), at * width + 2);
      rows.set(set(batch.references_minus), at * width + 2 + references);
    }
    if (at === count) break;
  }
  await explanations.close();
  const shown = join(folder, 'shown.raw');
  writeFileSync(shown, rows);
  const table = await openMargins(out('margins'));
  const margins: number[] = [];
  for await (const { margin } of table.batches()) margins.push(...margin.subarray(0, count - margins.length));
  await table.close();
  const { mis } = await readUnits(out('units'));
  return { shown, margins, mis: mis.slice(0, sample) as number[] };
}
