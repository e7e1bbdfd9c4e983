import { join } from 'node:path';
import type { Checkpoint } from '../../figures/figure.ts';
import { type TableRow, writeCsv } from '../../tables/csv.ts';
import type { ImageIndex, ImageNumbers } from '../../tables/images.ts';
import { type Cell, type Column, openParquet, type ParquetFile, writeParquet } from '../../tables/parquet.ts';
import {
  type CheckpointRow,
  checkpointColumns,
  checkpointUnitColumns,
  imageColumns,
  type LayerRow,
  layerColumns,
  type ModelRow,
  modelColumns,
  type TrainedRow,
  taskColumns,
  trainedColumns,
  unitColumns,
} from '../../tables/report-tables.ts';
import type { TaskRows, UnitScores } from '../../tables/scores.ts';
import type { Subject } from './aggregate.ts';

/** Tables with more rows than this have no CSV beside them. */
export const MOST_CSV_ROWS = 50_000;

/** A table that was written. */
export interface WrittenTable {
  readonly name: string;
  readonly rows: number;
  readonly files: readonly string[];
}

/** Writes rows as Parquet and, where they are few, as CSV beside it. */
function writeBoth(
  folder: string,
  name: string,
  columns: readonly Column[],
  rows: number,
  make: () => Iterable<TableRow>,
): WrittenTable {
  writeParquet(join(folder, `${name}.parquet`), columns, make());
  if (rows > MOST_CSV_ROWS) return { name, rows, files: [`${name}.parquet`] };
  const names = columns.map((column) => column.name);
  writeCsv(join(folder, `${name}.csv`), names, make());
  return { name, rows, files: [`${name}.parquet`, `${name}.csv`] };
}

export function writeModels(folder: string, rows: readonly ModelRow[], encoder: boolean): WrittenTable {
  return writeBoth(folder, 'models', modelColumns(encoder), rows.length, () => rows as unknown as TableRow[]);
}

export function writeLayers(folder: string, rows: readonly LayerRow[], encoder: boolean): WrittenTable {
  return writeBoth(folder, 'layers', layerColumns(encoder), rows.length, () => rows as unknown as TableRow[]);
}

export function writeUnits(folder: string, subjects: readonly Subject[], encoder: boolean): WrittenTable {
  const columns = unitColumns(encoder);
  const count = subjects.reduce((sum, { units }) => sum + units.count, 0);
  return writeBoth(folder, 'units', columns, count, function* () {
    for (const subject of subjects) yield* unitRows(subject, columns);
  });
}

export function writeCheckpoints(
  folder: string,
  rows: readonly CheckpointRow[],
  encoder: boolean,
): WrittenTable {
  const make = () => rows as unknown as TableRow[];
  return writeBoth(folder, 'checkpoints', checkpointColumns(encoder), rows.length, make);
}

export function writeTrained(folder: string, rows: readonly TrainedRow[], encoder: boolean): WrittenTable {
  const make = () => rows as unknown as TableRow[];
  return writeBoth(folder, 'trained', trainedColumns(encoder), rows.length, make);
}

/** The units of every state of a training run, by encoder, run and epoch. */
export function writeCheckpointUnits(
  folder: string,
  states: readonly (Pick<Checkpoint, 'run' | 'epoch'> & { readonly subject: Subject })[],
  encoder: boolean,
): WrittenTable {
  const columns = checkpointUnitColumns(encoder);
  const count = states.reduce((sum, { subject }) => sum + subject.units.count, 0);
  return writeBoth(folder, 'checkpoint-units', columns, count, function* () {
    for (const { subject, run, epoch } of states) yield* unitRows(subject, columns, { run, epoch });
  });
}

function* unitRows(
  { model, encoder, units }: Subject,
  columns: readonly Column[],
  state: Readonly<Record<string, Cell>> = {},
): Generator<TableRow> {
  const names = columns.map(({ name }) => name).filter((name) => name in units) as (keyof UnitScores)[];
  const sources = names.map((name) => units[name] as unknown as ArrayLike<Cell>);
  for (let row = 0; row < units.count; row++) {
    const cells: Record<string, Cell> = { ...state, model, encoder };
    names.forEach((name, i) => {
      cells[name] = sources[i]![row];
    });
    yield cells;
  }
}

/** `images`, in the order of their numbers. */
export function writeImages(
  folder: string,
  shards: readonly ImageIndex[],
  numbers: ImageNumbers,
): WrittenTable {
  return writeBoth(folder, 'images', imageColumns(), numbers.count, function* () {
    for (let image = 0; image < numbers.count; image++) {
      const shard = shards[numbers.shards[image]!]!;
      const row = numbers.rows[image]!;
      yield {
        image,
        path: shard.paths.at(row),
        label: shard.labels.at(row),
        bytes: shard.bytes[row],
        width: shard.widths[row],
        height: shard.heights[row],
        digest: shard.digests.at(row),
      };
    }
  });
}

/** `tasks`, written batch by batch: too large to hold, and too large for CSV. */
export interface TaskTableWriter {
  append(model: string, encoder: string, batch: TaskRows, references: number): void;
  close(): void;
  /** What was written so far. */
  written(): WrittenTable;
}

export function openTaskTable(folder: string, encoder: boolean): TaskTableWriter {
  const file: ParquetFile = openParquet(join(folder, 'tasks.parquet'), taskColumns(encoder));
  let rows = 0;
  return {
    append(model, encoderName, batch, references) {
      const count = batch.unit.length;
      file.append(count, {
        ...(batch as unknown as Record<string, ArrayLike<Cell>>),
        model: new Array<string>(count).fill(model),
        encoder: new Array<string>(count).fill(encoderName),
        references_plus: lists(batch.references_plus, references),
        references_minus: lists(batch.references_minus, references),
      });
      rows += count;
    },
    close: () => file.close(),
    written: () => ({ name: 'tasks', rows, files: ['tasks.parquet'] }),
  };
}

/** A flat array as rows of `width` values. */
function lists(flat: Int32Array, width: number): Int32Array[] {
  return Array.from({ length: flat.length / width }, (_, row) =>
    flat.subarray(row * width, (row + 1) * width),
  );
}
