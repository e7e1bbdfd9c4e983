import { visible } from '../../common/html.ts';
import { wrapped } from '../../common/text.ts';
import type { CheckpointRow, ModelRow, TrainedRow } from '../../tables/report-tables.ts';
import { trainedWords } from './trained-words.ts';

const WIDEST = 100;
const WIDEST_NAME = 28;

/** What the summary tells of. */
export interface Summed {
  readonly models: readonly ModelRow[];
  /** The main one first. */
  readonly encoders: readonly string[];
  readonly checkpoints: readonly CheckpointRow[];
  readonly trained: readonly TrainedRow[];
}

/**
 * The table of scores for the end of a run: plain text, at most 100 characters wide. Models of the zoo under the main
 * encoder, from the highest mean MIS to the lowest; below it a line on the other encoders and one on training.
 */
export function summaryText(summed: Summed): string {
  const [main, ...others] = summed.encoders;
  const rows = summed.models.filter((row) => row.encoder === main);
  const also = others.map((name) => short(name, 24)).join(', ');
  const under = others.length > 0 ? [`Encoder: ${short(main!, 24)}. The report also has ${also}.`] : [];
  const notes = [...under, ...trainingLine(summed)].flatMap((text) => wrapped(text, WIDEST));
  return `${[...block(ranked(rows)), ...(notes.length > 0 ? ['', ...notes] : [])].join('\n')}\n`;
}

/** The states of training runs in one sentence. */
function trainingLine({ checkpoints, trained, encoders }: Summed): string[] {
  const states = checkpoints.filter((row) => row.encoder === encoders[0]);
  if (states.length === 0) return [];
  const runs = new Set(states.map((row) => row.run)).size;
  const counted = `Training: ${states.length} states of ${runs} run${runs === 1 ? '' : 's'}`;
  const own = trained.some((row) => row.encoder === encoders[0]);
  return [`${counted}.${own ? ` ${trainedWords(trained, encoders[0]!, '')}` : ''}`];
}

/** Highest mean MIS first, models without a score last; by name among equals. */
export function ranked(rows: readonly ModelRow[]): ModelRow[] {
  return [...rows].sort((a, b) => (b.mis ?? -1) - (a.mis ?? -1) || (a.model < b.model ? -1 : 1));
}

function block(rows: readonly ModelRow[]): string[] {
  const cells = rows.map((row) => [
    short(row.model, WIDEST_NAME),
    row.mis === null ? '–' : `${fixed(row.mis)} [${fixed(row.mis_low)}, ${fixed(row.mis_high)}]`,
    row.mis === null ? '–' : `${fixed(row.mis_p05)}–${fixed(row.mis_p95)}`,
    row.units.toLocaleString('en-US'),
    row.constant_units.toLocaleString('en-US'),
    row.top1 === null ? '–' : `${(100 * row.top1).toFixed(1)} %`,
  ]);
  const table = [['Model', 'MIS [95 % interval]', '5–95 % of units', 'Units', 'Constant', 'Top-1'], ...cells];
  const widths = table[0]!.map((_, c) => Math.max(...table.map((line) => [...line[c]!].length)));
  const lines = table.map((line) =>
    line.map((cell, c) => (c === 0 ? cell.padEnd(widths[c]!) : cell.padStart(widths[c]!))).join('  '),
  );
  return [lines[0]!, '─'.repeat([...lines[0]!].length), ...lines.slice(1)];
}

function fixed(value: number | null): string {
  return value === null ? '–' : value.toFixed(3);
}

/** A name cut in the middle, so that both ends can be told. */
function short(name: string, most: number): string {
  const characters = [...visible(name)];
  if (characters.length <= most) return characters.join('');
  const head = Math.ceil((most - 1) / 2);
  return [...characters.slice(0, head), '…', ...characters.slice(characters.length - (most - 1 - head))].join(
    '',
  );
}
