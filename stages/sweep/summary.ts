import { wrapped } from '../../common/text.ts';
import type { SweepRow } from '../../tables/sweep-tables.ts';

const WIDEST_NAME = 24;
const WIDEST_SETTING = 32;

/**
 * The sweep for the terminal: a line a setting, model and encoder, at most 100 characters wide; settings that couldn't be
 * computed are told below with the reason.
 */
export function sweepSummary(rows: readonly SweepRow[]): string {
  const encoders = new Set(rows.map((row) => row.encoder)).size > 1;
  const cells = rows.map((row) => [
    short(row.setting || 'as configured', WIDEST_SETTING),
    short(row.model, WIDEST_NAME),
    ...(encoders ? [short(row.encoder, 12)] : []),
    row.mis === null ? '–' : `${fixed(row.mis)} [${fixed(row.mis_low)}, ${fixed(row.mis_high)}]`,
    fixed(row.task_accuracy),
  ]);
  const head = ['Setting', 'Model', ...(encoders ? ['Encoder'] : []), 'MIS [95 % interval]', 'Accuracy'];
  const table = [head, ...cells];
  const widths = head.map((_, c) => Math.max(...table.map((line) => [...line[c]!].length)));
  const numbers = head.length - 2;
  const lines = table.map((line) =>
    line
      .map((cell, c) => (c < numbers ? cell.padEnd(widths[c]!) : cell.padStart(widths[c]!)))
      .join('  ')
      .trimEnd(),
  );
  const reasons = [...new Set(rows.flatMap((row) => (row.reason ? [`${row.setting}: ${row.reason}`] : [])))];
  const rule = '─'.repeat(Math.max(...lines.map((line) => [...line].length)));
  return `${[lines[0]!, rule, ...lines.slice(1), ...reasons.flatMap((text) => ['', ...wrapped(text.replace(/\p{C}/gu, ' '), 100)])].join('\n')}\n`;
}

function fixed(value: number | null): string {
  return value === null ? '–' : value.toFixed(3);
}

/** A text cut in the middle, so that both ends can be told; control characters as `·`. */
function short(text: string, most: number): string {
  const characters = [...text.replace(/\p{C}/gu, '·')];
  if (characters.length <= most) return characters.join('');
  const head = Math.ceil((most - 1) / 2);
  const tail = characters.slice(characters.length - (most - 1 - head));
  return [...characters.slice(0, head), '…', ...tail].join('');
}
