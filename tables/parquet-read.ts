import parquet, { type ColumnData, type Field } from 'parquetjs-lite';

/** Values of a column by row; null where there is none. Texts, numbers (of 64 bits too) and truth values. */
export type ReadColumn = (string | number | boolean | null)[];

/**
 * Reads whole columns of a flat Parquet file, as `parquet.ts` writes them; a column that the file lacks is left out. By
 * column, since parquetjs-lite takes ten times as long to put rows together. Throws when the file is no Parquet file.
 */
export async function readParquetColumns(
  path: string,
  names: readonly string[],
): Promise<{ rows: number; columns: Map<string, ReadColumn> }> {
  const reader = await parquet.ParquetReader.openFile(path).catch((error: unknown) => {
    throw new Error(`${path} can't be read as Parquet: ${error instanceof Error ? error.message : error}`);
  });
  try {
    const fields = reader.schema.fieldList.filter(
      ({ name, path: at }) => at.length === 1 && names.includes(name),
    );
    const columns = new Map(fields.map(({ name }): [string, ReadColumn] => [name, []]));
    let rows = 0;
    for (const group of reader.metadata.row_groups) {
      const wanted = fields.map(({ path: at }) => at);
      const { rowCount, columnData } = await reader.envelopeReader.readRowGroup(reader.schema, group, wanted);
      for (const field of fields)
        appendTo(columns.get(field.name)!, field, columnData[field.name]!, rowCount);
      rows += rowCount;
    }
    return { rows, columns };
  } finally {
    await reader.close();
  }
}

function appendTo(column: ReadColumn, field: Field, { values, dlevels }: ColumnData, rows: number): void {
  let next = 0;
  for (let row = 0; row < rows; row++) {
    const isNull = field.dLevelMax > 0 && dlevels[row] !== field.dLevelMax;
    column.push(isNull ? null : cell(values[next++]!));
  }
}

function cell(value: Buffer | number | bigint | boolean): string | number | boolean {
  if (typeof value === 'bigint') return Number(value);
  return Buffer.isBuffer(value) ? value.toString('utf8') : value;
}
