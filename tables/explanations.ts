import { UserError } from '../common/errors.ts';
import {
  type ArrowFile,
  type ArrowWriter,
  type Coded,
  type CodedPart,
  type Columns,
  dictionary,
  int32,
  ints,
  openArrow,
  type Part,
  writeArrow,
} from './arrow.ts';

/** Which tasks of consecutive units, a row a (unit, task). Keys are the names of the columns. */
export interface TaskNames {
  readonly layer: readonly string[] | Coded;
  readonly unit: Int32Array;
  readonly task: Int32Array;
}

/** The images of tasks: numbers, rows of the path-sorted union of the image index. Keys are the names of the columns. */
export interface TaskImages {
  readonly query_plus: Int32Array;
  readonly query_minus: Int32Array;
  /** K image numbers a row, flat; element j comes from bin j, bin 0 is the most extreme. */
  readonly references_plus: Int32Array;
  readonly references_minus: Int32Array;
}

export interface ExplanationRows extends TaskNames, TaskImages {
  readonly layer: readonly string[];
}

const NAMES = ['layer', 'unit', 'task'];
const IMAGES = ['query_plus', 'query_minus', 'references_plus', 'references_minus'];

/** The same, of which `layer` is made when it is asked for first. */
export interface CodedExplanations extends ExplanationRows {
  readonly layers?: Coded;
}

/** The columns, for `references` (K) explanation images a side. */
export function explanationColumns(references: number): Columns {
  return {
    layer: dictionary(),
    unit: int32(),
    task: int32(),
    query_plus: int32(),
    query_minus: int32(),
    references_plus: ints(references),
    references_minus: ints(references),
  };
}

/** Starts the table of explanations of one model: N tasks a unit with K references a side; rows of a unit adjoin. */
export function writeExplanations(
  path: string,
  { tasks, references, images }: { tasks: number; references: number; images: number },
): ArrowWriter {
  const notes = { tasks: `${tasks}`, references: `${references}`, images: `${images}` };
  return writeArrow(path, explanationColumns(references), notes);
}

/** A table of explanations, open for reading. */
export interface ExplanationTable {
  readonly rows: number;
  /** N, K, and the number of images that they were chosen from. */
  readonly tasks: number;
  readonly references: number;
  readonly images: number;
  /** A batch holds until the next one is asked for. */
  batches(): AsyncGenerator<CodedExplanations, void, undefined>;
  /** The same without images, and the images alone. */
  names(): AsyncGenerator<TaskNames, void, undefined>;
  shown(): AsyncGenerator<TaskImages, void, undefined>;
  close(): Promise<void>;
}

export async function openExplanations(path: string): Promise<ExplanationTable> {
  const file = await openArrow(path);
  await checkReferences(file);
  const { tasks, references, images } = file.metadata;
  return {
    rows: file.rows,
    tasks: Number(tasks),
    references: Number(references),
    images: Number(images),
    async *batches() {
      for await (const part of file.parts([...NAMES, ...IMAGES])) yield codedRowsOf(part);
    },
    async *names() {
      for await (const part of file.parts(NAMES)) yield { ...numbersOf(part), layer: part.coded('layer') };
    },
    async *shown() {
      for await (const part of file.parts(IMAGES)) yield imagesOf(part);
    },
    close: () => file.close(),
  };
}

/** Throws a UserError, and closes the file, when the number of references that it tells isn't the one that it holds. */
export async function checkReferences(file: ArrowFile): Promise<void> {
  const told = Number(file.metadata.references);
  const widths = ['references_plus', 'references_minus'].map((name) => file.width(name));
  if (Number.isInteger(told) && widths.every((width) => width === told)) return;
  await file.close();
  throw new UserError(`The Arrow table ${file.path} is damaged: it doesn't hold ${told} references a task.`);
}

/** Units by layer. */
export type UnitSet = ReadonlyMap<string, ReadonlySet<number>>;

/** The set of the units that the rows of a table name; several tables one after another with the same `into`. */
export function unitSet(
  rows: { readonly layer: readonly string[]; readonly unit: ArrayLike<number> },
  into = new Map<string, Set<number>>(),
): Map<string, Set<number>> {
  rows.layer.forEach((layer, row) => {
    const units = into.get(layer) ?? new Set();
    into.set(layer, units.add(rows.unit[row]!));
  });
  return into;
}

/** The tasks of the given units, batch by batch and in the same order; batches without any are left out. */
export async function* tasksOf(
  units: UnitSet,
  { references, batches }: Pick<ExplanationTable, 'references' | 'batches'>,
): AsyncGenerator<ExplanationRows, void, undefined> {
  for await (const batch of batches()) {
    const rows = [...batch.unit.keys()].filter((row) => units.get(batch.layer[row]!)?.has(batch.unit[row]!));
    if (rows.length > 0) yield pickTasks(batch, references, rows);
  }
}

function pickTasks(all: ExplanationRows, references: number, rows: readonly number[]): ExplanationRows {
  const lists = (values: Int32Array) => {
    const picked = new Int32Array(rows.length * references);
    rows.forEach((row, i) => {
      picked.set(values.subarray(row * references, (row + 1) * references), i * references);
    });
    return picked;
  };
  return {
    layer: rows.map((row) => all.layer[row]!),
    unit: Int32Array.from(rows, (row) => all.unit[row]!),
    task: Int32Array.from(rows, (row) => all.task[row]!),
    query_plus: Int32Array.from(rows, (row) => all.query_plus[row]!),
    query_minus: Int32Array.from(rows, (row) => all.query_minus[row]!),
    references_plus: lists(all.references_plus),
    references_minus: lists(all.references_minus),
  };
}

function codedRowsOf(part: CodedPart): CodedExplanations {
  let layer: readonly string[] | undefined;
  return {
    get layer() {
      layer ??= part.strings('layer');
      return layer;
    },
    layers: part.coded('layer'),
    ...numbersOf(part),
    ...imagesOf(part),
  };
}

/** The columns of `ExplanationRows` out of a table that holds them. */
export function explanationRowsOf(rows: Part): ExplanationRows {
  return { layer: rows.strings('layer'), ...numbersOf(rows), ...imagesOf(rows) };
}

function numbersOf(rows: Part): Omit<TaskNames, 'layer'> {
  return { unit: rows.int32('unit'), task: rows.int32('task') };
}

function imagesOf(rows: Part): TaskImages {
  return {
    query_plus: rows.int32('query_plus'),
    query_minus: rows.int32('query_minus'),
    references_plus: rows.ints('references_plus').values,
    references_minus: rows.ints('references_minus').values,
  };
}
