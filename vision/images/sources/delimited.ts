import { UserError } from '../../../common/errors.ts';
import { shownPath } from '../names.ts';

/**
 * Records of a text of values between commas or tabs (RFC 4180: quotes around fields, doubled within; LF or CRLF). Empty
 * lines are left out. Tabs separate where the first line holds one. One record is held at a time.
 * Throws a UserError that names `file` for a quote that never ends.
 */
export function* recordsOf(text: string, file: string): Generator<string[], void, undefined> {
  const firstLine = text.slice(0, text.search(/\r?\n|$/));
  const separator = firstLine.includes('\t') ? '\t' : ',';
  let records = 0;
  let record: string[] = [];
  let at = text.startsWith('\uFEFF') ? 1 : 0;
  while (at < text.length) {
    let field: string;
    if (text[at] === '"') {
      const end = endOfQuotes(text, at, file, records + 1);
      field = text.slice(at + 1, end).replaceAll('""', '"');
      at = end + 1;
    } else {
      const start = at;
      while (at < text.length && text[at] !== separator && text[at] !== '\n' && text[at] !== '\r') at++;
      field = text.slice(start, at);
    }
    record.push(field);
    if (text[at] === separator) {
      at++;
      if (at === text.length) record.push('');
      continue;
    }
    if (text[at] === '\r') at++;
    if (text[at] === '\n') at++;
    if (record.length > 1 || record[0] !== '') {
      records++;
      yield record;
    }
    record = [];
  }
  if (record.length > 0) yield record;
}

function endOfQuotes(text: string, start: number, file: string, record: number): number {
  let at = start + 1;
  for (;;) {
    at = text.indexOf('"', at);
    if (at < 0) {
      throw new UserError(
        `In the list ${shownPath(file)} a quote in record ${record} never ends. Close it, or double quotes that belong to a value.`,
      );
    }
    if (text[at + 1] !== '"') return at;
    at += 2;
  }
}
