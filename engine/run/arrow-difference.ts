import { type Table, tableFromIPC } from 'apache-arrow';

/**
 * Where the tables of two Arrow files first differ: in their columns, the number of rows, or the first value, column by
 * column. Undefined where only the files' layout or metadata do. Throws where one can't be read.
 */
export function tableDifference(a: Uint8Array, b: Uint8Array): string | undefined {
  const [left, right] = [tableFromIPC(a), tableFromIPC(b)];
  const columns = [columnsOf(left), columnsOf(right)] as const;
  const named = columns[0].findIndex((name, i) => name !== columns[1][i]);
  if (named >= 0) return `column ${named + 1}: ${columns[0][named]} and ${columns[1][named] ?? 'none'}`;
  if (columns[1].length > columns[0].length)
    return `column ${columns[0].length + 1}: none and ${columns[1][columns[0].length]}`;
  if (left.numRows !== right.numRows) return `${left.numRows} and ${right.numRows} rows`;
  for (const { name } of left.schema.fields) {
    const [one, other] = [left.getChild(name)!, right.getChild(name)!];
    for (let row = 0; row < left.numRows; row++) {
      const found = valueDifference(plain(one.get(row)), plain(other.get(row)));
      if (found) return `column "${name}", row ${row}${found}`;
    }
  }
  return undefined;
}

const columnsOf = ({ schema }: Table): string[] =>
  schema.fields.map(({ name, type }) => `"${name}" (${type})`);

/** A value without Arrow's classes: lists as arrays, big integers as texts. */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'object' || value === null) return value;
  return Array.from(value as Iterable<unknown>, plain);
}

function valueDifference(a: unknown, b: unknown): string | undefined {
  if (Array.isArray(a) && Array.isArray(b)) {
    if (a.length !== b.length) return `: ${a.length} and ${b.length} elements`;
    for (const [i, element] of a.entries()) {
      const inside = valueDifference(element, b[i]);
      if (inside) return `, element ${i}${inside}`;
    }
    return undefined;
  }
  return Object.is(a, b) ? undefined : `: ${shown(a)} and ${shown(b)}`;
}

const shown = (value: unknown): string => {
  const text =
    typeof value === 'string' ? JSON.stringify(value) : Object.is(value, -0) ? '-0' : String(value);
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
};
