import type { Code } from '../../../common/wasm/code.ts';
import { either, get, set } from '../../../common/wasm/control.ts';
import { i32 } from '../../../common/wasm/scalars.ts';
import { i8x16, i16x8, i32x4, i64x2, v128 } from '../../../common/wasm/vectors.ts';

/** Fractional bits of the constants, and those that values have between the passes. */
const [CONSTANT, BETWEEN] = [13, 2];

/** Constants of the transform by Loeffler, Ligtenberg and Moschytz (1989), each named by its first digits, times 2^13. */
const F0298 = 2446;
const F0390 = 3196;
const F0541 = 4433;
const F0765 = 6270;
const F0899 = 7373;
const F1175 = 9633;
const F1501 = 12299;
const F1847 = 15137;
const F1961 = 16069;
const F2053 = 16819;
const F2562 = 20995;
const F3072 = 25172;

/** Makes a new local of type v128. */
export type Fresh = () => number;

/** What is computed once and used often: `keep` takes it to a local and gives what reads that. */
interface Steps {
  readonly code: Code[];
  keep(value: Code): Code;
}

function steps(fresh: Fresh): Steps {
  const code: Code[] = [];
  return {
    code,
    keep(value) {
      const local = fresh();
      code.push(set(local, value));
      return get(local);
    },
  };
}

/** Four sums each of 32 bits, for the lower and the upper four of eight columns. */
type Wide = readonly [Code, Code];

/**
 * The inverse cosine transform of a block of 8 × 8 coefficients (int16, row after row), times their quantisation, to
 * bytes at the address in local `to`, which is moved, in rows that lie `stride` apart. In libjpeg's fixed point of the "accurate integer" method: columns, then
 * rows, 16 bits between. Where values leave 16 bits, as in damaged files, they wrap and clamp as in libjpeg-turbo's vector code.
 */
export function cosineTransform(
  block: Code,
  quantisation: Code,
  to: number,
  stride: Code,
  fresh: Fresh,
): Code[] {
  const rows = Array.from({ length: 8 }, fresh);
  const { code, keep } = steps(fresh);
  for (const [y, row] of rows.entries())
    code.push(set(row, i16x8.mul(v128.load(block, 16 * y), v128.load(quantisation, 16 * y))));
  const lower = rows.slice(1).map((_, y) => v128.load(block, 16 * (y + 1)));
  const columns = pass(rows.map(get), CONSTANT - BETWEEN, fresh);
  const isFlat = i32.isZero(v128.any(lower.reduce((a, b) => v128.or(a, b))));
  const flat = rows.map((row, y) => set(row, y === 0 ? i16x8.shiftLeft(get(row), BETWEEN) : get(rows[0]!)));
  code.push(either(isFlat, flat, [...columns.code, ...rows.map((row, y) => set(row, columns.rows[y]!))]));
  const across = pass(transposed(rows.map(get), keep), CONSTANT + BETWEEN + 3, fresh);
  code.push(...across.code);
  const done = transposed(across.rows, keep);
  for (let y = 0; y < 8; y += 2) {
    const bytes = keep(i8x16.add(i8x16.narrow(done[y]!, done[y + 1]!), i8x16.splat(i32.const(128))));
    code.push(i64x2.storeLane(get(to), bytes, 0), set(to, i32.add(get(to), stride)));
    code.push(i64x2.storeLane(get(to), bytes, 1), set(to, i32.add(get(to), stride)));
  }
  return code;
}

/** One pass, which combines eight rows, column by column; sums are shifted down by `shift` bits, rounded, in the end. */
function pass(rows: readonly Code[], shift: number, fresh: Fresh): { code: Code[]; rows: Code[] } {
  const { code, keep } = steps(fresh);
  const [r0, r1, r2, r3, r4, r5, r6, r7] = rows as [Code, Code, Code, Code, Code, Code, Code, Code];
  const both = (make: (half: 0 | 1) => Code): Wide => [keep(make(0)), keep(make(1))];
  const add = (a: Wide, b: Wide) => both((half) => i32x4.add(a[half], b[half]));
  const sub = (a: Wide, b: Wide) => both((half) => i32x4.sub(a[half], b[half]));
  const inTurn = (x: Code, y: Code) =>
    both((half) => (half ? i16x8.interleaveHigh(x, y) : i16x8.interleaveLow(x, y)));
  /** x · a + y · b, where x and y are in turn. */
  const dot = (xy: Wide, a: number, b: number) => both((half) => i32x4.dot(xy[half], pairs(a, b)));
  const scaled = (x: Code): Wide => {
    const high = inTurn(v128.zero(), x);
    const round = i32x4.splat(i32.const(1 << (shift - 1)));
    return both((half) => i32x4.add(i32x4.shiftRightSigned(high[half], 16 - CONSTANT), round));
  };

  const [sum, difference] = [scaled(i16x8.add(r0, r4)), scaled(i16x8.sub(r0, r4))];
  const r26 = inTurn(r2, r6);
  const [even2, even3] = [dot(r26, F0541, F0541 - F1847), dot(r26, F0541 + F0765, F0541)];
  const even = [add(sum, even3), add(difference, even2), sub(difference, even2), sub(sum, even3)];

  const z = inTurn(keep(i16x8.add(r7, r3)), keep(i16x8.add(r5, r1)));
  const [z3, z4] = [dot(z, F1175 - F1961, F1175), dot(z, F1175, F1175 - F0390)];
  const [r71, r53] = [inTurn(r7, r1), inTurn(r5, r3)];
  const odd = [
    add(dot(r71, -F0899, F1501 - F0899), z4),
    add(dot(r53, -F2562, F3072 - F2562), z3),
    add(dot(r53, F2053 - F2562, -F2562), z4),
    add(dot(r71, F0298 - F0899, -F0899), z3),
  ];
  const descaled = ([low, high]: Wide) =>
    keep(i16x8.narrow(i32x4.shiftRightSigned(low, shift), i32x4.shiftRightSigned(high, shift)));
  const upper = even.map((each, i) => descaled(add(each, odd[i]!)));
  const lower = even.map((each, i) => descaled(sub(each, odd[i]!)));
  return { code, rows: [...upper, ...lower.reverse()] };
}

const pairs = (a: number, b: number): Code =>
  v128.const([...new Uint8Array(Int16Array.from([a, b, a, b, a, b, a, b]).buffer)]);

/** Rows and columns exchanged: a row taken in turn with the fourth after it, three times. */
function transposed(rows: readonly Code[], keep: Steps['keep']): Code[] {
  let now = [...rows];
  for (let round = 0; round < 3; round++) {
    now = [0, 1, 2, 3].flatMap((i) => [
      keep(i16x8.interleaveLow(now[i]!, now[i + 4]!)),
      keep(i16x8.interleaveHigh(now[i]!, now[i + 4]!)),
    ]);
  }
  return now;
}
