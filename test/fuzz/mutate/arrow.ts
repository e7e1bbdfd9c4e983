import type { Dice } from '../random.ts';
import { edge, mutateBytes, putInteger } from './bytes.ts';

/**
 * A change of the metadata of an Arrow file: of the footer, or of a message's header, by whole aligned numbers (offsets,
 * lengths, counts, table entries), or of the footer's length.
 */
export function mutateArrow(bytes: Buffer, other: Buffer, dice: Dice): Buffer {
  if (bytes.length < 40) return mutateBytes(bytes, other, dice);
  const copy = Buffer.from(bytes);
  const end = copy.length - 10;
  const footer = Math.max(0, Math.min(copy.readInt32LE(end), end));
  if (dice.oneIn(20)) {
    putInteger(copy, end, 4, dice.oneIn(2) ? edge(dice) : BigInt(footer + dice.below(64) - 32), false);
    return copy;
  }
  const spans = [[end - footer, footer] as const, ...messages(copy, end - footer)];
  const [from, length] = dice.pick(spans);
  if (length < 8) return mutateBytes(bytes, other, dice);
  for (let left = 1 + dice.below(3); left > 0; left--) {
    const width = dice.pick([2, 4, 4, 8]);
    const at = from + Math.floor(dice.below(length - width + 1) / width) * width;
    const small = BigInt(dice.below(64));
    putInteger(copy, at, width, dice.oneIn(2) ? edge(dice) : small, false);
  }
  return copy;
}

/** Where the headers of the messages lie: after each continuation mark and length. */
function messages(bytes: Buffer, end: number): (readonly [from: number, length: number])[] {
  const found: (readonly [number, number])[] = [];
  for (let at = 8; at + 8 <= end; at += 8) {
    if (bytes.readInt32LE(at) !== -1) continue;
    const length = bytes.readInt32LE(at + 4);
    if (length > 0 && length < 1 << 16 && at + 8 + length <= end) found.push([at, 8 + length]);
  }
  return found;
}
