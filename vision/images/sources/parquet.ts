import { UserError } from '../../../common/errors.ts';
import { shownPath } from '../names.ts';
import { type ColumnNames, type ImageColumns, imageColumns } from '../parquet/features.ts';
import { type Leaf, openParquet, type ParquetFile } from '../parquet/file.ts';
import { chunksOf, dictionaryOf, pagesOf, valuesOf } from '../parquet/pages.ts';
import type { ListedImage, Listener } from './kinds.ts';

/**
 * Rows whose images go to the same shard: an eighth to a half of a usual row group, so that a page is unpacked for one
 * shard, not for all of them.
 */
const GROUP = 64;

/**
 * Images of a Parquet file, as Hugging Face's `datasets` writes them. Their paths are `FILE/ROW`, with the file name that
 * the image had (if any) behind it. Labels are the names of the classes where the file tells them, else what the column
 * holds. Of the images' own column only the headers of the pages are read.
 * Throws a UserError when the file holds no images or is damaged.
 */
export async function* listParquet(
  path: string,
  prefix: string,
  columns: ColumnNames,
  listener: Pick<Listener, 'classes'>,
): AsyncGenerator<ListedImage, void, undefined> {
  const file = await openParquet(path);
  try {
    const found = imageColumns(file, columns);
    if (!found) {
      if (file.metadata.row_groups.length === 0) return;
      throw new UserError(
        `The Parquet file ${shownPath(path)} has no column of images ({bytes, path}, or bytes), nor is it a list of paths. Name the columns in \`dataset.columns\`, or take it out of the data set.`,
      );
    }
    if (found.names)
      listener.classes(
        found.names.map((label) => ({ label })),
        path,
      );
    yield* rows(file, prefix, found);
  } finally {
    await file.close();
  }
}

async function* rows(file: ParquetFile, prefix: string, columns: ImageColumns): AsyncGenerator<ListedImage> {
  const names = columns.path && columnOf(file, columns.path);
  const labels = columns.label && columnOf(file, columns.label);
  for (const chunk of chunksOf(file, columns.bytes)) {
    let row = chunk.firstRow;
    for await (const page of pagesOf(file, chunk)) {
      for (let value = 0; value < page.values; value++, row++) {
        const name = textOf((await names?.next())?.value)
          ?.split(/[\\/]/)
          .at(-1);
        const number = `${prefix}/${String(row).padStart(7, '0')}`;
        yield {
          path: name ? `${number}/${name}` : number,
          label: labelOf((await labels?.next())?.value, columns.names, file.path, row),
          file: file.path,
          offset: page.offset,
          bytes: undefined,
          value,
          group: `${prefix}/${Math.floor(row / GROUP)}`,
        };
      }
    }
  }
}

/** The values of a small column, row by row; one page is held at a time. */
export async function* columnOf(file: ParquetFile, leaf: Leaf): AsyncGenerator<unknown, void, undefined> {
  for (const chunk of chunksOf(file, leaf)) {
    let known: Promise<readonly unknown[]> | undefined;
    const dictionary = () => {
      known ??= dictionaryOf(file, chunk);
      return known;
    };
    for await (const { offset } of pagesOf(file, chunk))
      yield* await valuesOf(file, chunk, offset, dictionary);
  }
}

/** Text of a value of a column of bytes; undefined for null or another type. */
export function textOf(value: unknown): string | undefined {
  return value instanceof Uint8Array ? Buffer.from(value).toString('utf8') : undefined;
}

/** The label that a value stands for; null for none (`datasets` writes −1 where there is no label). */
function labelOf(
  value: unknown,
  names: readonly string[] | undefined,
  file: string,
  row: number,
): string | null {
  if (value === null || value === undefined) return null;
  const number = typeof value === 'bigint' ? Number(value) : value;
  if (typeof number !== 'number') return textOf(value) ?? String(value);
  if (!names) return String(number);
  if (number === -1) return null;
  const name = names[number];
  if (name !== undefined) return name;
  throw new UserError(
    `In the Parquet file ${shownPath(file)} the label of row ${row} is ${number}, but the file names ${names.length} classes. Make it anew.`,
  );
}
