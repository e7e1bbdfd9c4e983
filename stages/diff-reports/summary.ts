import type { ComparedFigure } from './figures.ts';
import type { Params } from './index.ts';
import type { MetricChange, ModelChange } from './models.ts';
import type { UnitChange, UnitSummary } from './units.ts';

/** Everything that the comparison tells; `summary.json` as it is. */
export interface Comparison {
  readonly runs: Pick<Params, 'a' | 'b'>;
  readonly changes: Params['changes'];
  /** A unit whose MIS changed by more than this counts as moved. */
  readonly moved: number;
  readonly models: readonly ModelChange[];
  /** Over the units of all models; then model by model. */
  readonly all: UnitSummary;
  readonly byModel: readonly UnitSummary[];
  /** The units whose MIS rose and fell most, the largest change first. */
  readonly risen: readonly UnitChange[];
  readonly fallen: readonly UnitChange[];
  readonly figures: {
    readonly drawn: readonly ComparedFigure[];
    /** Names of those that are the same in both runs, table and drawing. */
    readonly same: readonly string[];
    readonly onlyA: readonly string[];
    readonly onlyB: readonly string[];
  };
}

/** Units that are listed in a direction in the terminal. */
const LISTED = 5;
const NONE = '–';

/** What `mis diff` prints at its end: models, then units. Plain text. */
export function summaryText({ models, all, byModel, moved, risen, fallen, figures }: Comparison): string {
  const several = new Set(models.map(({ encoder }) => encoder)).size > 1;
  const named = ({ model, encoder }: { model: string; encoder: string }) =>
    several ? `${model} (${encoder})` : model;
  const both = models.filter((row) => row.in === 'both');
  const modelTable = grid([
    ['Models', 'MIS', 'change', 'Task accuracy', 'change', 'Top-1', 'change'],
    ...both.map((row) => {
      const { mis, task_accuracy, top1 } = row.metrics;
      return [named(row), ...pair(mis), ...pair(task_accuracy), ...pair(top1, percent, points)];
    }),
  ]);
  const unitTable = grid([
    [
      'Units',
      'in both',
      'mean change [95 % interval]',
      'mean |change|',
      `moved > ${moved}`,
      'up',
      'down',
      'r',
    ],
    ...byModel.filter(({ units }) => units > 0).map((row) => unitCells(named(row as never), row)),
    ...(byModel.length > 1 && all.units > 0 ? [unitCells('all', all)] : []),
  ]);
  const lists = (
    [
      ['Risen most', risen],
      ['Fallen most', fallen],
    ] as const
  ).map(([title, units]) =>
    units.length === 0 ? '' : grid([[title, 'A', 'B', 'change'], ...units.slice(0, LISTED).map(unitLine)]),
  );
  const alone = [
    aloneText('Models', 'A', models.filter((row) => row.in === 'a').map(named)),
    aloneText('Models', 'B', models.filter((row) => row.in === 'b').map(named)),
    figures.same.length > 0 && `Figures that are the same in both: ${figures.same.join(', ')}`,
    aloneText('Figures', 'A', figures.onlyA),
    aloneText('Figures', 'B', figures.onlyB),
    unmatched(all),
  ].filter(Boolean);
  const parts = [both.length > 0 && modelTable, all.units > 0 && unitTable, ...lists, alone.join('\n')];
  return `${parts.filter(Boolean).join('\n\n')}\n`;
}

export const number = (value: number | null, digits = 3): string =>
  value === null ? NONE : value.toFixed(digits).replace('-', '−');
export const signed = (value: number | null, digits = 3): string =>
  value === null ? NONE : `${value > 0 ? '+' : ''}${number(value, digits)}`;
export const percent = (value: number | null): string =>
  value === null ? NONE : `${number(100 * value, 1)} %`;
export const points = (value: number | null): string =>
  value === null ? NONE : `${signed(100 * value, 1)} points`;

type Format = (value: number | null) => string;

function pair(
  { a, b, change }: MetricChange,
  format: Format = number,
  difference: Format = signed,
): string[] {
  return [`${format(a)} → ${format(b)}`, difference(change)];
}

function unitCells(name: string, row: UnitSummary): string[] {
  const whole = (value: number) => value.toLocaleString('en-US');
  return [
    name,
    whole(row.units),
    `${signed(row.mean_change)} [${signed(row.mean_change_low)}, ${signed(row.mean_change_high)}]`,
    number(row.mean_absolute_change),
    whole(row.moved),
    whole(row.moved_up),
    whole(row.moved_down),
    number(row.pearson),
  ];
}

/** A unit's name: `resnet layer1.conv unit 7`. */
export const unitName = ({ model, layer, unit }: UnitChange): string => `${model} ${layer} unit ${unit}`;

const unitLine = (unit: UnitChange): string[] => [
  unitName(unit),
  number(unit.mis_a),
  number(unit.mis_b),
  signed(unit.change),
];

function aloneText(what: string, run: string, names: readonly string[]): string {
  return names.length === 0 ? '' : `${what} in ${run} alone: ${names.join(', ')}`;
}

/** Units that can't be compared, in words; empty when there are none. */
export function unmatched({ only_a, only_b, lost_score, gained_score }: UnitSummary): string {
  const parts = [
    only_a > 0 && `${only_a} in A alone`,
    only_b > 0 && `${only_b} in B alone`,
    lost_score > 0 && `${lost_score} with a score in A alone`,
    gained_score > 0 && `${gained_score} with a score in B alone`,
  ].filter(Boolean);
  return parts.length === 0 ? '' : `Units not compared: ${parts.join(', ')}`;
}

/** Columns in line, the first to the left and the others to the right. */
function grid(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, c) => Math.max(...rows.map((row) => [...row[c]!].length)));
  const line = (row: readonly string[]) =>
    row.map((cell, c) => (c === 0 ? cell.padEnd(widths[c]!) : cell.padStart(widths[c]!))).join('  ');
  return rows.map((row) => line(row).trimEnd()).join('\n');
}
