import { table } from '../engine/ui/table.ts';
import type { Result } from './benchmark.ts';
import { loadWarning, type Machine } from './machine.ts';

/** What stands above the numbers. */
export interface Header {
  readonly machine: Machine;
  /** Of mis and of what it is compared with, by name. */
  readonly versions: Readonly<Record<string, string>>;
}

/** The lines of the header, without a mark of emphasis. */
export function headerLines({ machine, versions }: Header): string[] {
  const { date, cpu, cores, memoryGiB, os, node, commit, load } = machine;
  const warning = loadWarning(machine);
  return [
    `${date}, commit ${commit ?? 'unknown'}`,
    `${cpu}, ${cores} ${cores === 1 ? 'core' : 'cores'}, ${memoryGiB} GiB, ${os}, load average ${load} at the start`,
    Object.entries({ Node: node, ...versions })
      .map(([name, version]) => `${name} ${version}`)
      .join(', '),
    ...(warning ? [warning] : []),
  ];
}

const COLUMNS = ['case', 'mis', 'reference', 'unit', 'ratio', 'target', 'sizes'] as const;
/** Columns of numbers, from 0. */
const NUMBERS = [1, 2, 4, 5];

/** The table for a terminal; below it, what else was measured. */
export function resultTable(results: readonly Result[]): string {
  return [table(COLUMNS, results.map(cells), NUMBERS), ...moreLines(results)].join('\n');
}

/** The same in Markdown. */
export function resultMarkdown(results: readonly Result[]): string {
  const row = (texts: readonly string[]) =>
    `| ${texts.map((text) => text.replaceAll('|', '\\|')).join(' | ')} |`;
  const rule = row(COLUMNS.map((_, i) => (NUMBERS.includes(i) ? '---:' : '---')));
  const more = moreLines(results).map((line) => `- ${line}`);
  return [
    row(COLUMNS),
    rule,
    ...results.map((result) => row(cells(result))),
    ...(more.length > 0 ? ['', ...more] : []),
  ].join('\n');
}

function cells({ case: name, of, to, unit, ratio, target, sizes }: Result): string[] {
  const goal = target === undefined ? '' : `${rounded(target)} ${ratio >= target ? '✓' : '✗'}`;
  return [name, rounded(of), rounded(to), unit, rounded(ratio), goal, sizes];
}

function moreLines(results: readonly Result[]): string[] {
  return results.flatMap(({ case: name, more = {} }) => {
    const numbers = Object.entries(more).map(([what, value]) => `${what} ${rounded(value)}`);
    return numbers.length > 0 ? [`${name}: ${numbers.join(', ')}`] : [];
  });
}

/** Three significant digits (two of what is tiny), every digit before the point, no trailing zeros after it. */
export function rounded(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en-GB');
  if (value !== 0 && Math.abs(value) < 1e-4) return value.toExponential(1);
  return String(Number(value.toPrecision(3)));
}

/** One line of `--json`: what was compared first, then what a reader must know of it. */
export function jsonLine(result: Result, quick: boolean, { machine, versions }: Header): string {
  const { case: name, ratio, of, to, unit, target, sizes, more } = result;
  return JSON.stringify({ case: name, ratio, of, to, unit, target, sizes, more, quick, machine, versions });
}
