import { DuckDBInstance } from '@duckdb/node-api';

/** Runs SQL statements in DuckDB, one after the other, in one database in memory. */
export async function runDuckDb(...statements: readonly string[]): Promise<void> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  try {
    for (const sql of statements) await connection.run(sql);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** Quoted for SQL. */
export const sqlText = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/** What Hugging Face's `datasets` writes into a Parquet file's metadata: the feature of each column. */
export const huggingFace = (features: object): string => JSON.stringify({ info: { features } });
