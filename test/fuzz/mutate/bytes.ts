import type { Dice } from '../random.ts';

/** Numbers at which sizes, counts and offsets break. */
export const EDGES: readonly bigint[] = [
  0n,
  1n,
  2n,
  7n,
  8n,
  63n,
  64n,
  127n,
  128n,
  255n,
  256n,
  511n,
  512n,
  4095n,
  32767n,
  32768n,
  65535n,
  65536n,
  0x7ffffffen,
  0x7fffffffn,
  0x80000000n,
  0xffffffffn,
  0x100000000n,
  0x1fffffffffffffn,
  0x7fffffffffffffffn,
  0xffffffffffffffffn,
];

/** What texts in a file are replaced by: ways out of it, words that programs and formats take for their own. */
export const HOSTILE: readonly string[] = [
  '../../../../etc/passwd',
  '/etc/passwd',
  '..',
  '.',
  '',
  '\0',
  'a\0b',
  '%s%n',
  '__proto__',
  'constructor',
  'toString',
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  "'",
  '"',
  '\r\n',
  '\u202e',
  '\ufeff',
  '\u2028',
  '\ud83d\ude00',
  'x'.repeat(255),
  'A'.repeat(5000),
  'file:///etc/passwd',
  '${HOME}',
  '$(id)',
  '*',
  'NaN',
  '-1',
  '1e999',
  '\xff\xfe',
  'C:\\con',
  'nul.png',
  'a/b/../../../c.png',
];

/** A change of bytes that knows nothing of their format. `other` is another file to take parts from. */
export function mutateBytes(bytes: Buffer, other: Buffer, dice: Dice): Buffer {
  return dice.pick(MUTATIONS)(bytes, other, dice);
}

type Mutation = (bytes: Buffer, other: Buffer, dice: Dice) => Buffer;

const MUTATIONS: readonly Mutation[] = [
  flipBits,
  setBytes,
  truncate,
  duplicate,
  drop,
  splice,
  insert,
  integer,
  varint,
  swap,
];

function flipBits(bytes: Buffer, _: Buffer, dice: Dice): Buffer {
  const copy = Buffer.from(bytes);
  for (let left = 1 + dice.below(8); left > 0 && copy.length > 0; left--) {
    copy[dice.below(copy.length)]! ^= 1 << dice.below(8);
  }
  return copy;
}

function setBytes(bytes: Buffer, _: Buffer, dice: Dice): Buffer {
  const copy = Buffer.from(bytes);
  const from = dice.below(copy.length);
  return copy.fill(
    dice.pick([0, 0xff, 0x7f, 0x80, dice.below(256)]),
    from,
    Math.min(copy.length, from + 1 + dice.below(16)),
  );
}

function truncate(bytes: Buffer, _: Buffer, dice: Dice): Buffer {
  return dice.oneIn(4)
    ? bytes.subarray(dice.below(bytes.length))
    : bytes.subarray(0, dice.below(bytes.length));
}

function duplicate(bytes: Buffer, _: Buffer, dice: Dice): Buffer {
  const [from, to] = range(bytes, dice);
  const times = dice.oneIn(8) ? 20 : 1;
  const part = bytes.subarray(from, to);
  return Buffer.concat([
    bytes.subarray(0, to),
    ...Array.from({ length: times }, () => part),
    bytes.subarray(to),
  ]);
}

function drop(bytes: Buffer, _: Buffer, dice: Dice): Buffer {
  const [from, to] = range(bytes, dice);
  return Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)]);
}

function splice(bytes: Buffer, other: Buffer, dice: Dice): Buffer {
  return Buffer.concat([
    bytes.subarray(0, dice.below(bytes.length)),
    other.subarray(dice.below(other.length)),
  ]);
}

function insert(bytes: Buffer, _: Buffer, dice: Dice): Buffer {
  const at = dice.below(bytes.length);
  return Buffer.concat([bytes.subarray(0, at), Buffer.from(dice.pick(HOSTILE)), bytes.subarray(at)]);
}

/** A hostile number in place of one of 2, 4 or 8 bytes, either end first. */
function integer(bytes: Buffer, _: Buffer, dice: Dice): Buffer {
  const width = dice.pick([2, 4, 4, 8]);
  if (bytes.length < width) return bytes;
  const copy = Buffer.from(bytes);
  const aligned = dice.oneIn(2) ? 1 : width;
  const at = Math.floor(dice.below(bytes.length - width + 1) / aligned) * aligned;
  putInteger(copy, at, width, edge(dice), dice.oneIn(2));
  return copy;
}

export const edge = (dice: Dice): bigint => dice.pick(EDGES) + BigInt(dice.below(3) - 1);

export function putInteger(bytes: Buffer, at: number, width: number, value: bigint, big: boolean): void {
  for (let i = 0; i < width; i++) {
    const shift = BigInt(8 * (big ? width - 1 - i : i));
    bytes[at + i] = Number((value >> shift) & 0xffn);
  }
}

/** A base-128 number in place of a byte or more. */
function varint(bytes: Buffer, _: Buffer, dice: Dice): Buffer {
  const at = dice.below(bytes.length);
  return Buffer.concat([bytes.subarray(0, at), varintOf(edge(dice)), bytes.subarray(at + 1)]);
}

export function varintOf(value: bigint): Buffer {
  const digits: number[] = [];
  let rest = BigInt.asUintN(64, value);
  do {
    digits.push(Number(rest & 0x7fn) | (rest > 0x7fn ? 0x80 : 0));
    rest >>= 7n;
  } while (rest > 0n);
  return Buffer.from(digits);
}

function swap(bytes: Buffer, _: Buffer, dice: Dice): Buffer {
  const [a, b] = range(bytes, dice);
  const c = b + dice.below(bytes.length - b);
  return Buffer.concat([bytes.subarray(0, a), bytes.subarray(b, c), bytes.subarray(a, b), bytes.subarray(c)]);
}

/** A part, short more often than long. */
function range(bytes: Buffer, dice: Dice): [from: number, to: number] {
  const from = dice.below(bytes.length);
  const most = dice.oneIn(2) ? 32 : bytes.length;
  return [from, Math.min(bytes.length, from + 1 + dice.below(most))];
}
