import type { Dice } from '../random.ts';
import { edge, HOSTILE, mutateBytes, varintOf } from './bytes.ts';

/** A field of a protobuf message: its tag, and its value or the message in it. */
interface Field {
  number: bigint;
  wire: number;
  /** Bytes of the value, without the length of a text or message. */
  value: Buffer;
  inner?: Field[];
  /** A length that is told in place of the right one. */
  lie?: bigint;
}

/** A change of one field of a protobuf message, with all lengths around it made right again (or one of them wrong). */
export function mutateProtobuf(bytes: Buffer, other: Buffer, dice: Dice): Buffer {
  const fields = parse(bytes, 0);
  if (!fields || fields.length === 0) return mutateBytes(bytes, other, dice);
  let list = fields;
  let at = dice.below(list.length);
  // Down into the tree; a graph's nodes are what most of a model's code looks at.
  for (let depth = 0; depth < 6; depth++) {
    const { inner } = list[at]!;
    if (!inner || inner.length === 0 || dice.oneIn(6)) break;
    list = inner;
    at = dice.below(list.length);
  }
  const field = list[at]!;
  const edits: readonly (() => void)[] = [
    () => list.splice(at, 1),
    () => list.splice(dice.below(list.length + 1), 0, field),
    () => list.splice(at, 1, list[dice.below(list.length)]!),
    () => {
      field.lie = edge(dice);
    },
    () => {
      field.number = dice.oneIn(8) ? edge(dice) : BigInt(1 + dice.below(24));
    },
    () => {
      field.wire = dice.below(8);
    },
    () => change(field, dice),
    () => change(field, dice),
    () => change(field, dice),
    () => nest(field, dice),
  ];
  dice.pick(edits)();
  return serialise(fields);
}

function change(field: Field, dice: Dice): void {
  if (field.wire === 0) field.value = varintOf(edge(dice));
  else if (field.wire === 2) {
    delete field.inner;
    const mutated = mutateBytes(field.value, field.value, dice);
    field.value = dice.oneIn(3) ? Buffer.from(dice.pick(HOSTILE)) : mutated;
  } else field.value = Buffer.from(field.value.map(() => dice.below(256)));
}

/** The field within itself, again and again. */
function nest(field: Field, dice: Dice): void {
  if (field.wire !== 2) return;
  let value = field.inner ? serialise(field.inner) : field.value;
  for (let left = dice.pick([2, 60, 2000]); left > 0 && value.length < 1 << 20; left--) {
    value = Buffer.concat([varintOf((field.number << 3n) | 2n), varintOf(BigInt(value.length)), value]);
  }
  delete field.inner;
  field.value = value;
}

function parse(bytes: Buffer, depth: number): Field[] | undefined {
  const fields: Field[] = [];
  for (let at = 0; at < bytes.length; ) {
    const tag = readVarint(bytes, at);
    if (!tag || tag.value >> 3n === 0n) return undefined;
    const wire = Number(tag.value & 7n);
    const body = bodyOf(bytes, tag.end, wire);
    if (!body) return undefined;
    const value = bytes.subarray(body.from, body.to);
    const field: Field = { number: tag.value >> 3n, wire, value };
    const inner =
      wire === 2 && depth < 8 && value.length > 1 && value.length < 1 << 16
        ? parse(value, depth + 1)
        : undefined;
    if (wire === 2 && depth === 0 && !inner) field.inner = parse(value, 1) ?? [];
    if (inner) field.inner = inner;
    if (field.inner?.length === 0) delete field.inner;
    fields.push(field);
    at = body.to;
  }
  return fields;
}

function bodyOf(bytes: Buffer, at: number, wire: number): { from: number; to: number } | undefined {
  const fixed = wire === 1 ? 8 : wire === 5 ? 4 : undefined;
  if (fixed !== undefined) return at + fixed <= bytes.length ? { from: at, to: at + fixed } : undefined;
  const number = readVarint(bytes, at);
  if (!number || (wire !== 0 && wire !== 2)) return undefined;
  if (wire === 0) return { from: at, to: number.end };
  const to = number.end + Number(number.value);
  return to <= bytes.length ? { from: number.end, to } : undefined;
}

function readVarint(bytes: Buffer, at: number): { value: bigint; end: number } | undefined {
  let value = 0n;
  for (let i = 0; i < 10 && at + i < bytes.length; i++) {
    value |= BigInt(bytes[at + i]! & 0x7f) << BigInt(7 * i);
    if (bytes[at + i]! < 0x80) return { value, end: at + i + 1 };
  }
  return undefined;
}

function serialise(fields: readonly Field[]): Buffer {
  return Buffer.concat(
    fields.flatMap(({ number, wire, value, inner, lie }) => {
      const body = inner ? serialise(inner) : value;
      const tag = varintOf((number << 3n) | BigInt(wire));
      return wire === 2 ? [tag, varintOf(lie ?? BigInt(body.length)), body] : [tag, body];
    }),
  );
}
