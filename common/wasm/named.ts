import { type Code, i32, type Kernel, seq, unsigned } from './assembler.ts';

type Indices<Names extends string> = Readonly<Record<Names, number>>;

/** A kernel whose parameters and locals have names: `body` gets their numbers. */
export function named<
  const P extends string,
  const I extends string = never,
  const V extends string = never,
  const L extends string = never,
>(
  params: readonly P[],
  locals: { readonly i32?: readonly I[]; readonly v128?: readonly V[]; readonly i64?: readonly L[] },
  body: (indices: Indices<P | I | V | L>) => readonly Code[],
): Kernel {
  const { i32: words = [], v128: vectors = [], i64: longs = [] } = locals;
  const names = [...params, ...words, ...vectors, ...longs];
  if (new Set(names).size < names.length) throw new Error('two locals have the same name');
  return {
    params: params.length,
    locals: { i32: words.length, v128: vectors.length, i64: longs.length },
    body: body(Object.fromEntries(names.map((name, i) => [name, i])) as Indices<P | I | V | L>),
  };
}

/** Calls the kernel that stands in the module at this place. */
export const callAt = (place: number, ...args: readonly Code[]): Code =>
  seq(...args, [0x10, ...unsigned(place)]);

export const leave: Code = [0x0f];

export const when = (condition: Code, ...body: readonly Code[]): Code =>
  seq(condition, [0x04, 0x40], ...body, [0x0b]);

export const either = (condition: Code, then: readonly Code[], otherwise: readonly Code[]): Code =>
  seq(condition, [0x04, 0x40], ...then, [0x05], ...otherwise, [0x0b]);

/** Repeats the body as long as the condition holds before it. */
export const whileHolds = (condition: Code, ...body: readonly Code[]): Code =>
  seq([0x03, 0x40], condition, [0x04, 0x40], ...body, [0x0c, 1, 0x0b, 0x0b]);

/** Adds a constant to a local. */
export const step = (local: number, by: number): Code => [
  0x20,
  ...unsigned(local),
  ...i32.const(by),
  0x6a,
  0x21,
  ...unsigned(local),
];
