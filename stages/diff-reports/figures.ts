import { isDeepStrictEqual } from 'node:util';
import { type DrawnFigure, type Origin, writeFigure } from '../../figures/files.ts';
import { titleOf, waysToCompare } from '../../figures/overlay.ts';
import { type ScoredTwice, unitChanges } from '../../figures/unit-changes.ts';
import type { TableRow } from '../../tables/csv.ts';
import { parseCsv } from '../../tables/csv.ts';
import { readFigure } from './read.ts';
import type { UnitChange } from './units.ts';

/** A figure of both runs in one: laid over each other, or beside each other. */
export interface ComparedFigure extends DrawnFigure {
  readonly overlaid: boolean;
}

/** The two runs' report folders, and what tells them apart in a figure. */
export interface Sides {
  readonly a: string;
  readonly b: string;
  readonly note: string;
}

/** Names of figures may become paths. */
const NAME = /^[a-z0-9][a-z0-9-]*$/;

/** Names of figures that both reports have, and that one alone has. */
export function figureNames(a: readonly string[], b: readonly string[]) {
  const named = (names: readonly string[]) => names.filter((name) => NAME.test(name));
  return {
    both: named(b).filter((name) => a.includes(name)),
    onlyA: named(a).filter((name) => !b.includes(name)),
    onlyB: named(b).filter((name) => !a.includes(name)),
  };
}

/** Draws the figure of both runs in the best way that can be drawn; undefined where it is the same in both. */
export async function compareFigure(
  name: string,
  sides: Sides,
  folder: string,
  origin: Origin,
): Promise<ComparedFigure | undefined> {
  const [a, b] = [await readFigure(sides.a, name), await readFigure(sides.b, name)];
  if (a.csv === b.csv && isDeepStrictEqual(drawing(a.spec), drawing(b.spec))) return undefined;
  const [old, now] = [parseCsv(a.csv), parseCsv(b.csv)];
  const columns = ['run', ...new Set([...now.columns, ...old.columns])];
  const rows = (run: string, of: readonly Record<string, string | null>[]): TableRow[] =>
    of.map((row) => ({ ...row, run }));
  const table = [...rows('A', old.rows), ...rows('B', now.rows)];
  const title = titleOf(b.spec) || name;
  let failure: unknown;
  for (const { overlaid, spec } of waysToCompare(a.spec, b.spec, sides.note)) {
    const caption = overlaid
      ? `${title}: run A in grey, run B in colour, on the same axes.`
      : `${title}: run A and run B.`;
    try {
      const drawn = await writeFigure(folder, { name, title }, { columns, table, spec, caption }, origin);
      return { ...drawn, overlaid };
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

/** A specification without what tells only where it comes from. */
function drawing(spec: unknown): unknown {
  const { usermeta: _, ...rest } = spec as { usermeta?: unknown };
  return rest;
}

/** Draws the scores of all units against each other. */
export async function drawUnitChanges(
  units: readonly UnitChange[],
  folder: string,
  origin: Origin,
): Promise<ComparedFigure | undefined> {
  const scored = units.filter(({ change }) => change !== null) as unknown as readonly ScoredTwice[];
  const result = unitChanges.make(scored);
  return result && { ...(await writeFigure(folder, unitChanges, result, origin)), overlaid: true };
}
