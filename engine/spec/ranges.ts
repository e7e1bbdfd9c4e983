import type { Node } from './node.ts';
import { errorAt } from './source.ts';

/** Values that one range may stand for: a slip of the finger must not become a week of work. */
const MOST = 10_000;

const WHOLE = /^([+-]?\d+)\.\.([+-]?\d+)(?:\.\.(\d+))?$/;
const SPACED = /^([^:]+):([^:]+):(log|lin)(\d+)$/;

/**
 * The values that a node stands for: a value, a list, or texts of ranges: `1..20` (whole numbers, both ends in),
 * `1..20..5` (every fifth), `0.04:0.64:log5` (five values, each the same multiple of the one before), `0:1:lin5`.
 * Values of the latter are rounded to 12 significant digits.
 */
export function valuesIn(node: Node): Node[] {
  if (node.kind === 'list') return node.items.flatMap(valuesIn);
  if (node.kind !== 'scalar' || typeof node.value !== 'string') return [node];
  const numbers = wholeRange(node.value, node) ?? spacedRange(node.value, node);
  return numbers ? numbers.map((value) => ({ ...node, value })) : [node];
}

function wholeRange(text: string, node: Node): number[] | undefined {
  const found = WHOLE.exec(text);
  if (!found) return undefined;
  const [from, to, step] = [Number(found[1]), Number(found[2]), Number(found[3] ?? 1)];
  const count = Math.floor((to - from) / step) + 1;
  if (!(step >= 1) || !(count >= 1))
    throw errorAt(
      node.place,
      `${text} holds no number`,
      'A range goes up: 1..20, or 1..20..5 for 1, 6, 11, 16.',
    );
  checkCount(text, count, node);
  return Array.from({ length: count }, (_, i) => from + i * step);
}

function spacedRange(text: string, node: Node): number[] | undefined {
  const found = SPACED.exec(text);
  if (!found) return undefined;
  const [from, to, count] = [Number(found[1]), Number(found[2]), Number(found[4])];
  const log = found[3] === 'log';
  const fitting = Number.isFinite(from) && Number.isFinite(to) && count >= 1 && (count > 1 || from === to);
  if (!fitting || (log && !(from > 0 && to > 0)))
    throw errorAt(
      node.place,
      `${text} is no range`,
      'Write FROM:TO:logCOUNT (both above 0) or FROM:TO:linCOUNT with at least two values, such as 0.04:0.64:log5.',
    );
  checkCount(text, count, node);
  return Array.from({ length: count }, (_, i) => {
    const share = count === 1 ? 0 : i / (count - 1);
    const value = log ? from * (to / from) ** share : from + (to - from) * share;
    return Number(value.toPrecision(12));
  });
}

function checkCount(text: string, count: number, node: Node) {
  if (count > MOST)
    throw errorAt(node.place, `${text} stands for ${count} values; at most ${MOST} are taken`);
}
