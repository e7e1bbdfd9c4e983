import type { ModelRow } from '../../tables/report-tables.ts';
import { visible } from './html.ts';

const WIDEST_NAME = 28;

/**
 * The table of scores for the end of a run: plain text, at most 100 characters wide, a block an encoder, models from the
 * highest mean MIS to the lowest.
 */
export function summaryText(rows: readonly ModelRow[]): string {
  const encoders = [...new Set(rows.map((row) => row.encoder))];
  const blocks = encoders.map((encoder) => {
    const own = ranked(rows.filter((row) => row.encoder === encoder));
    const head = encoders.length > 1 ? [`Encoder ${short(encoder, 80)}`] : [];
    return [...head, ...block(own)].join('\n');
  });
  return `${blocks.join('\n\n')}\n`;
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
