import { UserError } from '../../common/errors.ts';

/**
 * The rows of a CSV text (RFC 4180) by the names in its first line; an empty field is null unless it is quoted.
 * UserError: a quote isn't closed, or a row has another number of fields than the first line.
 */
export function csvRows(text: string, name: string): Record<string, string | null>[] {
  const [header = [], ...rows] = records(text, name);
  return rows.map((row, i) => {
    if (row.length !== header.length)
      throw new UserError(
        `${name}: row ${i + 1} has ${row.length} fields, the first line has ${header.length}.`,
      );
    return Object.fromEntries(header.map((column, c) => [column ?? '', row[c]!]));
  });
}

/** One field: quoted, or up to the next comma or line end; with what ends it. */
const FIELD = /(?:"((?:[^"]|"")*)"|([^,\r\n"]*))(,|\r?\n|$)/y;

function records(text: string, name: string): (string | null)[][] {
  const found: (string | null)[][] = [];
  let row: (string | null)[] = [];
  let at = text.startsWith('\ufeff') ? 1 : 0;
  while (at < text.length || row.length > 0) {
    FIELD.lastIndex = at;
    const field = FIELD.exec(text);
    if (!field)
      throw new UserError(
        `${name}: row ${found.length} is not CSV: a quote is open, or stands inside a field.`,
      );
    const [whole, quoted, plain, end] = field as unknown as [string, string | undefined, string, string];
    row.push(quoted === undefined ? plain || null : quoted.replaceAll('""', '"'));
    at += whole.length;
    if (end === ',') continue;
    found.push(row);
    row = [];
  }
  return found;
}
