import {
  Bool,
  type Data,
  Dictionary,
  FixedSizeList,
  Float,
  Int,
  List,
  type RecordBatch,
  Utf8,
  type Vector,
} from 'apache-arrow';
import { Damage } from './damage.ts';

/**
 * Checks that the columns of a batch have the rows that it says, and that their buffers hold them. The reader takes
 * lengths and offsets from the file as they are: a damaged one would give short columns, or texts from elsewhere.
 * Throws a Damage that names the column. Costs nothing a value but for texts and dictionaries, whose offsets are read.
 */
export function checkBatch(batch: RecordBatch): void {
  batch.schema.fields.forEach(({ name }, i) => {
    const child = batch.data.children[i];
    const problem = child?.length === batch.numRows ? problemOf(child) : 'has another number of rows';
    if (problem !== undefined) throw new Damage(`its column ${JSON.stringify(name)} ${problem}`);
  });
}

/** Checks the words of a dictionary column. Throws a Damage that names the column. */
export function checkWords(name: string, words: Vector): void {
  for (const part of words.data) {
    const problem = problemOf(part);
    if (problem !== undefined) throw new Damage(`its column ${JSON.stringify(name)} ${problem}`);
  }
}

const SHORT = 'is shorter than it should be';

/** What is wrong with a column, as a clause; undefined when nothing is. */
function problemOf(data: Data): string | undefined {
  const { type, length, offset } = data;
  if (!Number.isSafeInteger(length) || length < 0 || offset !== 0) return SHORT;
  if (data.nullCount > 0 && (data.nullBitmap?.byteLength ?? 0) * 8 < length) return SHORT;
  if (type instanceof Dictionary) return problemOfCodes(data);
  if (type instanceof Bool) return (data.values?.byteLength ?? 0) * 8 < length ? SHORT : undefined;
  if (type instanceof Int || type instanceof Float) return valuesOf(data) < length ? SHORT : undefined;
  if (type instanceof Utf8) return problemOfOffsets(data, valuesOf(data));
  const child = data.children[0];
  if (type instanceof FixedSizeList) {
    if (!(type.listSize >= 0) || !child || child.length !== length * type.listSize) return SHORT;
    return problemOf(child);
  }
  if (type instanceof List) return child ? (problemOf(child) ?? problemOfOffsets(data, child.length)) : SHORT;
  return 'is of a type that this program does not write';
}

const valuesOf = (data: Data): number => (data.values as ArrayLike<unknown> | undefined)?.length ?? 0;

function problemOfOffsets({ valueOffsets, length }: Data, end: number): string | undefined {
  if (length === 0) return undefined;
  if (!valueOffsets || valueOffsets.length <= length || valueOffsets[0]! < 0) return SHORT;
  for (let i = 0; i < length; i++) {
    if (valueOffsets[i + 1]! < valueOffsets[i]!) return 'has texts that overlap';
  }
  return valueOffsets[length]! > end ? SHORT : undefined;
}

function problemOfCodes(data: Data): string | undefined {
  const words = data.dictionary;
  const codes = data.values as Int32Array | undefined;
  if (!words || !codes || codes.length < data.length) return SHORT;
  for (const part of words.data) {
    const problem = problemOf(part);
    if (problem) return problem;
  }
  for (let i = 0; i < data.length; i++) {
    if (!(codes[i]! >= 0 && codes[i]! < words.length) && data.getValid(i))
      return 'has a word that is not in its list';
  }
  return undefined;
}
