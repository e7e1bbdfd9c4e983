import { readFile } from 'node:fs/promises';
import { dirname, isAbsolute, relative, resolve } from 'node:path';
import { UserError } from '../../../common/errors.ts';
import { shownPath } from '../names.ts';
import { type ColumnNames, imageColumns, LABEL_NAMES, topColumns } from '../parquet/features.ts';
import { leafAt, openParquet, typeOf } from '../parquet/file.ts';
import { recordsOf } from './delimited.ts';
import type { ListedImage } from './kinds.ts';
import { columnOf, textOf } from './parquet.ts';

/** A line of a list: the image's path as it is written there, and its label. */
interface Line {
  readonly path: string;
  readonly label: string | null;
}

/** Names that a column of paths may have. */
const PATH_NAMES = ['path', 'file', 'file_name', 'filename', 'filepath', 'image', 'image_path', 'image_file'];

/**
 * Images that a list names: a CSV, TSV or Parquet file with a column of paths (relative to the list) and, if it likes, one
 * of labels. Their names in the data set are the paths as written, relative to the list's folder where they lie in it.
 * Throws a UserError when the list has no column of paths or can't be read.
 */
export async function* listList(
  path: string,
  prefix: string,
  columns: ColumnNames,
): AsyncGenerator<ListedImage, void, undefined> {
  const folder = dirname(path);
  for await (const line of linesOf(path, columns)) {
    const file = resolve(folder, line.path);
    const inside = relative(folder, file).replaceAll('\\', '/');
    const name = inside.startsWith('../') || isAbsolute(inside) ? file.replace(/^\/+/, '') : inside;
    yield { path: prefix ? `${prefix}/${name}` : name, label: line.label, file, offset: 0, bytes: undefined };
  }
}

/** Absolute paths of the images that a list names; none when the file isn't one. */
export async function filesInList(path: string): Promise<string[]> {
  try {
    const maybe = /\.(csv|tsv)$/i.test(path) || (/\.parquet$/i.test(path) && (await isParquetList(path, {})));
    if (!maybe) return [];
    const files: string[] = [];
    for await (const line of linesOf(path, {})) files.push(resolve(dirname(path), line.path));
    return files;
  } catch {
    // What is wrong with it is told when it is listed.
    return [];
  }
}

/** Whether a Parquet file is a list of paths: it has no images, but a column of paths. */
export async function isParquetList(path: string, columns: ColumnNames): Promise<boolean> {
  const file = await openParquet(path);
  try {
    if (imageColumns(file, columns)) return false;
    return choose(topColumns(file), columns.image, PATH_NAMES) !== undefined;
  } finally {
    await file.close();
  }
}

/** The lines of a list, one held at a time. */
function linesOf(path: string, columns: ColumnNames): AsyncGenerator<Line, void, undefined> {
  return /\.parquet$/i.test(path) ? parquetLines(path, columns) : textLines(path, columns);
}

async function* textLines(path: string, columns: ColumnNames): AsyncGenerator<Line, void, undefined> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new UserError(`The list ${shownPath(path)} can't be read (${error.code}).`);
  });
  const records = recordsOf(text, path);
  const header = records.next().value ?? [];
  const paths = header.indexOf(choose(header, columns.image, PATH_NAMES) ?? '');
  if (paths < 0) throw noPaths(path, header, columns);
  const labels = header.indexOf(choose(header, columns.label, LABEL_NAMES) ?? '');
  let number = 1;
  for (const record of records) {
    number++;
    const named = record[paths]?.trim();
    if (!named) {
      throw new UserError(
        `In the list ${shownPath(path)} record ${number} has no path. Give it one, or remove the line.`,
      );
    }
    const label = labels < 0 ? '' : (record[labels]?.trim() ?? '');
    yield { path: named, label: label === '' ? null : label };
  }
}

async function* parquetLines(path: string, columns: ColumnNames): AsyncGenerator<Line, void, undefined> {
  const file = await openParquet(path);
  try {
    const header = topColumns(file);
    const named = choose(header, columns.image, PATH_NAMES);
    const leaf = named === undefined ? undefined : leafAt(file, [named]);
    if (!leaf || typeOf(leaf) !== 'BYTE_ARRAY') throw noPaths(path, header, columns);
    const label = choose(header, columns.label, LABEL_NAMES);
    const labelLeaf = label === undefined ? undefined : leafAt(file, [label]);
    const labels = labelLeaf && columnOf(file, labelLeaf);
    let row = 0;
    for await (const value of columnOf(file, leaf)) {
      const text = textOf(value);
      if (!text) throw new UserError(`In the list ${shownPath(path)} row ${row} has no path.`);
      const found = (await labels?.next())?.value;
      yield { path: text, label: found == null ? null : (textOf(found) ?? String(found)) };
      row++;
    }
  } finally {
    await file.close();
  }
}

/** The column that was named, or the first of the usual names that there is, whatever its case. */
function choose(
  header: readonly string[],
  given: string | undefined,
  usual: readonly string[],
): string | undefined {
  if (given !== undefined) return header.find((name) => name === given);
  const lower = header.map((name) => name.trim().toLowerCase());
  const found = usual.find((name) => lower.includes(name));
  return found === undefined ? undefined : header[lower.indexOf(found)];
}

function noPaths(path: string, header: readonly string[], { image }: ColumnNames): UserError {
  const columns = header.map((name) => `"${name}"`).join(', ') || 'none';
  const wanted =
    image === undefined ? `named "path" (or ${PATH_NAMES.slice(1, 5).join(', ')})` : `"${image}"`;
  return new UserError(
    `The list ${shownPath(path)} has no column of paths ${wanted}; its first line names the columns ${columns}. Add such a line, or name the column in \`dataset.columns\`.`,
  );
}
