import { readFileSync } from 'node:fs';
import { type Table, tableFromIPC } from 'apache-arrow';
import type { Project } from './project.ts';

/** One column of vectors: those of image i are `values[i * width … ]`. */
export interface Vectors {
  readonly width: number;
  readonly values: Float32Array;
}

/** What the store holds for a model or an encoder, read with apache-arrow alone, all shards in the order of the paths. */
export interface StoredRows {
  /** Paths in code-unit order: the position is the number of the image. */
  readonly paths: readonly string[];
  readonly vectors: ReadonlyMap<string, Vectors>;
  readonly numbers: ReadonlyMap<string, Int32Array>;
}

/** Reads one output of a stage, all of its files that `where` leaves. */
export async function storedRows(
  project: Project,
  config: readonly string[],
  [stage, output]: readonly [string, string],
  ...where: readonly string[]
): Promise<StoredRows> {
  const found = await project.paths(stage, output, ...config, ...where.flatMap((w) => ['--where', w]));
  const tables = found.map(({ path }) => tableFromIPC(readFileSync(path)));
  const places = tables
    .flatMap((table, t) => [...column(table, 'path')].map((path, row) => ({ path: String(path), t, row })))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
  const vectors = new Map<string, Vectors>();
  const numbers = new Map<string, Int32Array>();
  for (const { name } of tables[0]!.schema.fields) {
    if (name === 'path') continue;
    const columns = tables.map((table) => column(table, name));
    const first = columns[0]!.get(0) as number | { toArray(): Float32Array };
    if (typeof first === 'number') {
      numbers.set(
        name,
        Int32Array.from(places, ({ t, row }) => columns[t]!.get(row) as number),
      );
      continue;
    }
    const width = first.toArray().length;
    const values = new Float32Array(places.length * width);
    places.forEach(({ t, row }, i) => {
      values.set((columns[t]!.get(row) as { toArray(): Float32Array }).toArray(), i * width);
    });
    vectors.set(name, { width, values });
  }
  return { paths: places.map(({ path }) => path), vectors, numbers };
}

function column(table: Table, name: string) {
  const vector = table.getChild(name);
  if (!vector) throw new Error(`no column ${name}`);
  return vector;
}
