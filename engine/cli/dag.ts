import { type Freshness, freshness, type StageSurvey, survey } from '../plan/survey.ts';
import { isDone } from '../plan/task.ts';
import { upstream } from '../spec/pipeline.ts';
import { painter, plural } from '../ui/format.ts';
import { type GraphOptions, withContext } from './context.ts';

export type DagFormat = 'text' | 'mermaid' | 'dot';

/** Fill colours by freshness, told apart also by colour-blind readers (Okabe and Ito). */
const FILL: Record<Freshness, string> = { fresh: '#b7e4d5', stale: '#a9d3f0', depends: '#fbe3a6' };

/** `mis dag`: the graph of stages, coloured by freshness. */
export async function dag(format: DagFormat, options: GraphOptions): Promise<number> {
  return withContext(options, [], async ({ pipeline, stages, store }) => {
    const surveyed = await survey(pipeline, stages, store);
    const draw = { text: drawText, mermaid: drawMermaid, dot: drawDot }[format];
    process.stdout.write(`${draw(surveyed)}\n`);
    return 0;
  });
}

function label(each: StageSurvey): string {
  const settings = each.settings > 0 ? ` × ${plural(each.settings, 'setting')}` : '';
  if (each.unknown) return `? tasks${settings}`;
  return `${each.tasks.filter(({ outcome }) => isDone(outcome)).length}/${each.tasks.length}${settings}`;
}

function edges(surveyed: readonly StageSurvey[]): [string, string][] {
  return surveyed.flatMap(({ stage }) =>
    [...upstream(stage.spec)].map((from): [string, string] => [from, stage.spec.name]),
  );
}

export function drawMermaid(surveyed: readonly StageSurvey[]): string {
  const nodes = surveyed.map(
    (each) => `  ${each.stage.spec.name}["${each.stage.spec.name}<br/>${label(each)}"]:::${freshness(each)}`,
  );
  const classes = Object.entries(FILL).map(
    ([name, fill]) => `  classDef ${name} fill:${fill},stroke:#444,color:#111`,
  );
  return [
    'flowchart TD',
    ...nodes,
    ...edges(surveyed).map(([from, to]) => `  ${from} --> ${to}`),
    ...classes,
  ].join('\n');
}

export function drawDot(surveyed: readonly StageSurvey[]): string {
  const nodes = surveyed.map(
    (each) =>
      `  "${each.stage.spec.name}" [label="${each.stage.spec.name}\\n${label(each)}", fillcolor="${FILL[freshness(each)]}"];`,
  );
  return [
    'digraph mis {',
    '  node [shape=box, style="rounded,filled", fontname="sans-serif"];',
    ...nodes,
    ...edges(surveyed).map(([from, to]) => `  "${from}" -> "${to}";`),
    '}',
  ].join('\n');
}

/** A drawing for the terminal: stages by how far they are from the start, each with what it takes. */
export function drawText(surveyed: readonly StageSurvey[]): string {
  const colour = painter(process.stdout);
  const paint = { fresh: colour.green, stale: colour.blue, depends: colour.yellow };
  const mark = { fresh: '●', stale: '○', depends: '◌' };
  const level = new Map<string, number>();
  for (const { stage } of surveyed)
    level.set(
      stage.spec.name,
      Math.max(0, ...[...upstream(stage.spec)].map((name) => (level.get(name) ?? 0) + 1)),
    );
  const width = Math.max(...surveyed.map(({ stage }) => stage.spec.name.length));
  const labels = Math.max(8, ...surveyed.map((each) => label(each).length));
  const lines: string[] = [];
  for (let depth = 0; depth <= Math.max(...level.values()); depth++) {
    if (depth > 0) lines.push('  │');
    for (const each of surveyed.filter(({ stage }) => level.get(stage.spec.name) === depth)) {
      const state = freshness(each);
      const from = [...upstream(each.stage.spec)];
      lines.push(
        `  ${paint[state](mark[state])} ${paint[state](each.stage.spec.name.padEnd(width))}  ${label(each).padEnd(labels)} ${from.length ? `← ${from.join(', ')}` : ''}`.trimEnd(),
      );
    }
  }
  return [...lines, '', '  ● up to date  ○ will run  ◌ depends on an earlier stage'].join('\n');
}
