import { type Code, unsigned } from './code.ts';

/** A function of a module: all parameters are i32, there is no result. */
export interface Kernel {
  readonly params: number;
  /** How many locals follow the parameters: first i32, then i64, then v128. */
  readonly locals: { readonly i32: number; readonly i64?: number; readonly v128: number };
  readonly body: readonly Code[];
}

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
  const names = [...params, ...words, ...longs, ...vectors];
  if (new Set(names).size < names.length) throw new Error('two locals have the same name');
  return {
    params: params.length,
    locals: { i32: words.length, v128: vectors.length, i64: longs.length },
    body: body(Object.fromEntries(names.map((name, i) => [name, i])) as Indices<P | I | V | L>),
  };
}

/** The largest memory that there is, in pages of 64 KiB: 4 GiB. */
const MOST_PAGES = 65_536;

/** A module that exports kernels by their names and imports the memory `env.memory`, which is shared or a thread's own. */
export function assemble(
  kernels: Readonly<Record<string, Kernel>>,
  isShared = true,
): Uint8Array<ArrayBuffer> {
  const [I32, I64, V128] = [0x7f, 0x7e, 0x7b];
  const all = Object.entries(kernels);
  const types = all.map(([, { params }]) => [0x60, ...vector(new Array<Code>(params).fill([I32])), 0]);
  const limits = isShared ? [3, 0, ...unsigned(MOST_PAGES)] : [0, 0];
  const memory = [...text('env'), ...text('memory'), 2, ...limits];
  const codes = all.map(([, { locals, body }]) => {
    const declared = vector([
      [...unsigned(locals.i32), I32],
      [...unsigned(locals.i64 ?? 0), I64],
      [...unsigned(locals.v128), V128],
    ]);
    const code = flat([declared, body, [0x0b]]);
    return [...unsigned(code.length), ...code];
  });
  const parts = [
    [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    section(1, types),
    section(2, [memory]),
    section(
      3,
      all.map((_, i) => unsigned(i)),
    ),
    section(
      7,
      all.map(([name], i) => [...text(name), 0, ...unsigned(i)]),
    ),
    section(10, codes),
  ];
  return Uint8Array.from(flat(parts));
}

function section(id: number, entries: readonly Code[]): Code {
  const bytes = flat(vector(entries));
  return [id, ...unsigned(bytes.length), ...bytes];
}

const vector = (entries: readonly Code[]): Code => [unsigned(entries.length), entries];
const text = (value: string): Code => vector([...Buffer.from(value)].map((byte) => [byte]));

/** The bytes of nested code. */
function flat(code: Code, bytes: number[] = []): number[] {
  for (const part of code) {
    if (typeof part === 'number') bytes.push(part);
    else flat(part, bytes);
  }
  return bytes;
}
