import { z } from 'zod';
import { check } from './check.ts';
import type { MapNode } from './node.ts';
import { coordinates } from './source.ts';

const CELL = z.union([z.string(), z.number(), z.boolean(), z.null()]);

/** The config's `expect`: values that results must have, in files of published folders. */
export const EXPECT = z
  .array(
    z.strictObject({
      file: z.string().min(1).describe('CSV or JSON file in a published folder, e.g. tables/models.csv'),
      stage: z
        .string()
        .optional()
        .describe('Stage that publishes it, where several publish a file of that name'),
      at: z.string().min(1).optional().describe('Keys that lead into a JSON file, e.g. summary.models'),
      row: z.record(z.string(), CELL).optional().describe('The row: columns and the values that only it has'),
      column: z.string().min(1).optional().describe('The column of the row, or the key'),
      value: CELL.describe('What must stand there'),
      tolerance: z.number().min(0).default(0).describe('How far a number may be off, in either direction'),
    }),
  )
  .describe('Values that results must have; "mis check" compares them');

export interface Expectation {
  readonly file: string;
  readonly stage?: string | undefined;
  readonly at?: string | undefined;
  readonly row?: Readonly<Record<string, string | number | boolean | null>> | undefined;
  readonly column?: string | undefined;
  readonly value: string | number | boolean | null;
  /** Largest difference that counts as equal; of numbers. */
  readonly tolerance: number;
  /** Where it is written: `configs/default.yaml:31:5`. */
  readonly place: string;
}

/** Reads the expectations of a config. Errors point into its file. */
export function expectations(config: MapNode): Expectation[] {
  const node = config.entries.get('expect')?.value;
  if (!node || (node.kind === 'scalar' && node.value === null)) return [];
  const places = node.kind === 'list' ? node.items.map(({ place }) => coordinates(place)) : [];
  return check(EXPECT, node, 'expect').map((each, i) => ({ ...each, place: places[i]! }));
}
