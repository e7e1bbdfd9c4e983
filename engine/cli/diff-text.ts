import type { Json } from '../../common/json.ts';
import type { Difference, RunDifference } from '../plan/run-difference.ts';
import { table } from '../ui/table.ts';

/** A run as the comparison names it. */
export interface AboutRun {
  readonly run: string;
  /** ISO 8601. */
  readonly at: string;
  /** `run --set score.alpha=0.2`; empty for a run that doesn't say. */
  readonly command: string;
}

/** Something that differs between two runs, in words; a parameter of the stage that compares them. */
export interface Change {
  readonly kind: 'parameter' | 'code' | 'file' | 'environment';
  /** `score.alpha`, `stages/score-mis/score.ts`. */
  readonly what: string;
  readonly from: string;
  readonly to: string;
  /** Stages that it counts for, where that is known. */
  readonly stages: readonly string[];
}

/** Everything that differs, in the order: parameters, code, files, environment. */
export function changesOf({ config, parameters, code, files, environment }: RunDifference): Change[] {
  const as = (kind: Change['kind'], found: readonly Difference[]): Change[] =>
    found.map(({ what, from, to, stages }) => ({ kind, what, from, to, stages }));
  return [
    ...config.map(({ path, from, to }): Change => {
      return { kind: 'parameter', what: path, from: shown(from), to: shown(to), stages: [] };
    }),
    ...as('parameter', parameters),
    ...as('code', code),
    ...as('file', files),
    ...as('environment', environment),
  ];
}

const MOST_CHARACTERS = 70;

function shown(value: Json | undefined): string {
  if (value === undefined) return '(not set)';
  const text = JSON.stringify(value);
  return text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS - 1)}…` : text;
}

const HEADINGS = {
  parameter: 'Parameters',
  code: 'Code',
  file: 'Files',
  environment: 'Environment',
} as const;

/** What two runs were made of, for the terminal. */
export function differenceText(
  { a, b }: { readonly a: AboutRun; readonly b: AboutRun },
  difference: RunDifference,
): string {
  const runs = table(
    ['run', '', 'when', 'command'],
    [
      ['A', a.run, new Date(a.at).toLocaleString('sv-SE'), a.command],
      ['B', b.run, new Date(b.at).toLocaleString('sv-SE'), b.command],
    ],
  );
  const changes = changesOf(difference);
  const kinds = (Object.keys(HEADINGS) as Change['kind'][]).map((kind) => {
    const rows = changes
      .filter((change) => change.kind === kind)
      .map(({ what, from, to, stages }) => [what, from, '→', to, stages.join(', ')]);
    return rows.length === 0 ? '' : table([HEADINGS[kind], 'A', '', 'B', ''], rows);
  });
  const nothing = changes.length === 0 ? 'Nothing that the runs were made of differs.' : '';
  return [runs, ...kinds, nothing, stagesText(difference)].filter(Boolean).join('\n\n');
}

/** Stages whose tasks aren't all the same, by how many. */
function stagesText({ stages }: RunDifference): string {
  const rows = stages
    .filter(({ changed, added, removed, unknown }) => changed + added + removed + unknown > 0)
    .map(({ stage, ...counts }) => [
      stage,
      ...[counts.same, counts.changed, counts.removed, counts.added, counts.unknown].map(String),
    ]);
  if (rows.length === 0) return '';
  return table(['Tasks', 'same', 'differ', 'only A', 'only B', 'unknown'], rows, [1, 2, 3, 4, 5]);
}
