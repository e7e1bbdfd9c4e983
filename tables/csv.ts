import { closeSync, openSync, writeSync } from 'node:fs';
import type { Cell } from './parquet-column.ts';

/** A row of a table by column name, as Parquet and CSV files take it. */
export type TableRow = Readonly<Record<string, Cell>>;

const FLUSH_CHARS = 1 << 16;

/**
 * A CSV text of a table (RFC 4180: comma, CRLF, a header line, quotes where they are needed). null is an empty field,
 * an empty text is `""`, a list is its elements with blanks between them, true and false are written out, numbers in the
 * shortest form that reads back the same.
 */
export function csvText(columns: readonly string[], rows: Iterable<TableRow>): string {
  return [...csvLines(columns, rows)].join('');
}

/** Writes the same to a file, a piece at a time. */
export function writeCsv(path: string, columns: readonly string[], rows: Iterable<TableRow>): void {
  const file = openSync(path, 'w');
  try {
    let held = '';
    for (const line of csvLines(columns, rows)) {
      held += line;
      if (held.length < FLUSH_CHARS) continue;
      writeAll(file, held);
      held = '';
    }
    writeAll(file, held);
  } finally {
    closeSync(file);
  }
}

function* csvLines(columns: readonly string[], rows: Iterable<TableRow>): Generator<string> {
  yield `${columns.map(csvField).join(',')}\r\n`;
  for (const row of rows) yield `${columns.map((name) => csvField(row[name])).join(',')}\r\n`;
}

/** One field, quoted when it holds a quote, comma, line break, or blank at an end, or when it is an empty text. */
export function csvField(value: Cell): string {
  if (value === null || value === undefined) return '';
  const text = typeof value === 'object' ? Array.from(value).join(' ') : String(value);
  const needsQuotes = text === '' || /[",\r\n]|^\s|\s$/u.test(text);
  return needsQuotes ? `"${text.replaceAll('"', '""')}"` : text;
}

/**
 * Reads a CSV text back into rows of texts; an empty unquoted field is null. Accepts LF and CRLF. Throws on a quote that
 * never ends or text after a closing quote.
 */
export function parseCsv(text: string): { columns: string[]; rows: Record<string, string | null>[] } {
  const [header = [], ...records] = csvRecords(text);
  const columns = header.map((name) => name ?? '');
  const rows = records.map((record, i) => {
    if (record.length !== columns.length)
      throw new Error(`CSV record ${i + 2} has ${record.length} fields, not ${columns.length}`);
    return Object.fromEntries(columns.map((name, c) => [name, record[c]!]));
  });
  return { columns, rows };
}

const FIELD = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/uy;

function* csvRecords(text: string): Generator<(string | null)[]> {
  let record: (string | null)[] = [];
  FIELD.lastIndex = 0;
  for (let at = 0; at < text.length || record.length > 0; ) {
    FIELD.lastIndex = at;
    const match = FIELD.exec(text);
    if (match === null) throw new Error(`not a CSV text at character ${at}`);
    const [whole, quoted, plain, end] = match;
    record.push(quoted !== undefined ? quoted.replaceAll('""', '"') : plain === '' ? null : plain!);
    at += whole.length;
    if (end === ',') continue;
    yield record;
    record = [];
  }
}

function writeAll(file: number, text: string): void {
  const bytes = Buffer.from(text, 'utf8');
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
}
