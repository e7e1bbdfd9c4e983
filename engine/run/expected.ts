import { readFileSync } from 'node:fs';
import { UserError } from '../../common/errors.ts';
import type { Expectation } from '../spec/expect.ts';
import { csvRows } from './csv.ts';

export interface Checked {
  readonly expectation: Expectation;
  readonly ok: boolean;
  /** What stands there; undefined where the place isn't there. */
  readonly found: unknown;
  /** Of numbers: found − expected. */
  readonly off?: number;
  /** Why there is nothing to compare. */
  readonly problem?: string;
}

/** A published folder's files: where each lies. */
export interface Published {
  readonly stage: string;
  readonly files: Readonly<Record<string, string>>;
}

/** Looks every expected value up in the published files and compares it. */
export function checkExpected(
  expectations: readonly Expectation[],
  published: readonly Published[],
): Checked[] {
  const parsed = new Map<string, unknown>();
  return expectations.map((expectation) => {
    try {
      const path = fileOf(expectation, published);
      if (!parsed.has(path)) parsed.set(path, contentOf(expectation.file, path));
      return compare(expectation, lookUp(expectation, parsed.get(path)));
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      return { expectation, ok: false, found: undefined, problem: error.message };
    }
  });
}

function fileOf({ file, stage }: Expectation, published: readonly Published[]): string {
  const among = published.filter((each) => stage === undefined || each.stage === stage);
  const having = among.filter(({ files }) => Object.hasOwn(files, file));
  if (having.length > 1)
    throw new UserError(
      `${having.map((each) => each.stage).join(' and ')} publish a file ${file}: say which with "stage".`,
    );
  if (having[0]) return having[0].files[file]!;
  const who = among.map((each) => each.stage).join(', ');
  throw new UserError(
    who
      ? `there is no file ${file} in what ${who} publishes`
      : `${stage ?? 'no stage'} publishes${stage ? ' nothing' : ''}`,
  );
}

function contentOf(file: string, path: string): unknown {
  const text = readFileSync(path, 'utf8');
  if (/\.csv$/i.test(file)) return csvRows(text, file);
  if (!/\.json$/i.test(file)) throw new UserError(`${file}: values are looked up in CSV and JSON files only`);
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new UserError(`${file} is not JSON`);
  }
}

function lookUp({ file, at, row, column }: Expectation, content: unknown): unknown {
  let value = content;
  for (const key of at?.split('.') ?? []) value = member(value, key, file);
  if (row) value = theRow(value, row, file);
  return column === undefined ? value : member(value, column, file);
}

function member(value: unknown, key: string, file: string): unknown {
  const there = typeof value === 'object' && value !== null && Object.hasOwn(value, key);
  if (there) return (value as Record<string, unknown>)[key];
  const known =
    typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.keys(value) : [];
  const hint =
    known.length > 0 ? `: there is ${known.slice(0, 12).join(', ')}${known.length > 12 ? ', …' : ''}` : '';
  throw new UserError(`there is no "${key}" in ${file}${hint}`);
}

function theRow(value: unknown, row: NonNullable<Expectation['row']>, file: string): unknown {
  if (!Array.isArray(value)) throw new UserError(`${file} holds no list of rows there`);
  const rows = value.filter((each) =>
    Object.entries(row).every(([key, wanted]) => isSame(each?.[key], wanted)),
  );
  if (rows.length === 1) return rows[0];
  const wanted = Object.entries(row)
    .map(([key, each]) => `${key}=${each}`)
    .join(' ');
  throw new UserError(
    `${rows.length === 0 ? 'no row' : `${rows.length} rows, not one,`} of ${file} ${rows.length > 1 ? 'have' : 'has'} ${wanted}`,
  );
}

/** Cells of a CSV are texts: what is written the same is the same, and numbers are compared as such. */
function isSame(found: unknown, wanted: Expectation['value']): boolean {
  if (wanted === null || found === null || found === undefined) return (found ?? null) === wanted;
  if (typeof wanted === 'number') return numberIn(found) === wanted;
  return String(found) === String(wanted);
}

const numberIn = (found: unknown): number =>
  typeof found === 'number'
    ? found
    : typeof found === 'string' && found.trim() !== ''
      ? Number(found)
      : Number.NaN;

function compare(expectation: Expectation, found: unknown): Checked {
  const { value, tolerance } = expectation;
  if (typeof value !== 'number') return { expectation, found, ok: isSame(found, value) };
  const off = numberIn(found) - value;
  const rounding = tolerance > 0 ? 4 * Number.EPSILON * Math.abs(value) : 0;
  return {
    expectation,
    found,
    ok: Math.abs(off) <= tolerance + rounding,
    ...(Number.isFinite(off) && { off }),
  };
}
