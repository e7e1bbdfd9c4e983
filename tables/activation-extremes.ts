import { createHash } from 'node:crypto';
import { UserError } from '../common/errors.ts';
import { collectGarbage } from '../common/wasm/collect.ts';
import type { End, Extremes } from '../stats/extremes.ts';
import {
  type ActivationFile,
  type ActivationLayer,
  type ActivationWriter,
  activationsIn,
  writeActivations,
} from './activations.ts';
import {
  type ArrowFile,
  type ArrowWriter,
  type Columns,
  dictionary,
  float64,
  floats,
  int32,
  ints,
  openArrow,
  type Rows,
  writeArrow,
} from './arrow.ts';
import { type Kept, keepExtremes } from './kept-extremes.ts';

/** A record batch holds about this many bytes. */
const BATCH_BYTES = 4 * 2 ** 20;
/** Bytes of candidates that are given back at once. */
const LARGE = 128 * 2 ** 20;
const FORM = 'extremes';
/** The `SUMS` sums of a unit: of activations and of their squares, each with what was rounded off. */
const SUM_COLUMNS = ['sum', 'sum_rest', 'squares', 'squares_rest'] as const;

/**
 * Starts the file of what is kept of the activations of one model on one shard of `images` images: all of them, or, given
 * a depth, what selection among at most `depth` images from either end can need. Where the shard is so small that this
 * would take more bytes than all of them (4 · depth images), all of them all the same.
 */
export function writeKept(
  path: string,
  layers: readonly ActivationLayer[],
  images: number,
  depth: number | undefined,
): ActivationWriter {
  return depth === undefined || images <= 4 * depth
    ? writeActivations(path, layers)
    : writeActivationExtremes(path, layers, images, depth);
}

const COLUMNS = (depth: number): Columns => ({
  layer: dictionary(),
  unit: int32(),
  high: floats(depth),
  high_row: ints(depth),
  low: floats(depth),
  low_row: ints(depth),
  ...Object.fromEntries(SUM_COLUMNS.map((name) => [name, float64()])),
});

/**
 * Starts an Arrow file with a row a unit: the `depth` images of highest and of lowest activation, the most extreme first
 * (`high`, `low`: activations; `high_row`, `low_row`: rows of the shard; ties as `findExtremes` has them), and the sums
 * that mean and standard deviation come from. Its notes describe the layers, and tell the images by a digest of their
 * paths. Images must come in the order of the shard.
 */
function writeActivationExtremes(
  path: string,
  layers: readonly ActivationLayer[],
  images: number,
  depth: number,
): ActivationWriter {
  let kept: Kept | undefined = keepExtremes(layers, images, depth);
  const names = createHash('sha256');
  let rows = 0;
  let writer: ArrowWriter | undefined;
  return {
    write(paths, activations) {
      for (const name of paths) names.update(`${name}\0`);
      kept!.take(paths, activations, rows);
      rows += paths.length;
    },
    close() {
      if (rows !== images) throw new Error(`${rows} images were given, not ${images}`);
      const notes = {
        form: FORM,
        depth: `${depth}`,
        images: `${images}`,
        paths: names.digest('hex'),
        layers: JSON.stringify(layers),
      };
      writer = writeArrow(path, COLUMNS(depth), notes);
      const bytes = writeUnits(writer, kept!.finish(), layers, depth);
      writer.close();
      kept = undefined;
      if (bytes >= LARGE) collectGarbage();
    },
    abort: () => writer?.abort(),
  };
}

/** Writes a row a unit; returns how much memory the extremes take. */
function writeUnits(
  writer: ArrowWriter,
  extremes: Extremes,
  layers: readonly ActivationLayer[],
  depth: number,
): number {
  const most = Math.max(1, Math.floor(BATCH_BYTES / (16 * depth)));
  const places = layers.flatMap(({ name, units }) =>
    Array.from({ length: units }, (_, unit) => ({ name, unit })),
  );
  for (let from = 0; from < places.length; from += most)
    writer.write(rowsOf(extremes, places.slice(from, from + most), from, depth));
  return extremes.shared.memory.buffer.byteLength;
}

function rowsOf(
  extremes: Extremes,
  places: readonly { readonly name: string; readonly unit: number }[],
  from: number,
  depth: number,
) {
  const side = (name: 'high' | 'low') => {
    const values = new Float32Array(places.length * depth);
    const images = new Int32Array(places.length * depth);
    places.forEach((_, i) => {
      const end = extremes.end(from + i, name);
      values.set(end.values, i * depth);
      images.set(end.images, i * depth);
    });
    return { values, images };
  };
  const [high, low] = [side('high'), side('low')];
  return {
    layer: places.map(({ name }) => name),
    unit: Int32Array.from(places, ({ unit }) => unit),
    high: high.values,
    high_row: high.images,
    low: low.values,
    low_row: low.images,
    ...Object.fromEntries(
      SUM_COLUMNS.map((name, part) => [
        name,
        Float64Array.from(places, (_, i) => extremes.sums(from + i)[part]!),
      ]),
    ),
  };
}

/** Opens what was kept of the activations of one model on one shard, all or the extremes. */
export async function openKept(path: string): Promise<ActivationFile | ExtremesFile> {
  const file = await openArrow(path);
  try {
    return extremesIn(file) ?? (await activationsIn(file));
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** What was kept of the extremes of one model on one shard, open for reading. */
export interface ExtremesFile {
  readonly form: 'extremes';
  readonly layers: readonly ActivationLayer[];
  /** Images of the shard. */
  readonly rows: number;
  /** Images kept from either end. */
  readonly depth: number;
  /** True where the images are those with these paths, in this order. */
  isOf(paths: readonly string[]): boolean;
  /** Units (counted through the layers of the file) `from` to `to` − 1, one after another. */
  units(from: number, to: number): AsyncGenerator<UnitExtremes, void, undefined>;
  close(): Promise<void>;
}

export interface UnitExtremes {
  readonly unit: number;
  /** `images` are rows of the shard. */
  readonly high: End;
  readonly low: End;
  readonly sums: Float64Array;
}

/** The file as one of extremes; undefined where it holds something else. Throws a UserError when it is damaged. */
function extremesIn(file: ArrowFile): ExtremesFile | undefined {
  const { form, depth, images, paths, layers: text = '' } = file.metadata;
  if (form !== FORM) return undefined;
  const damaged = () =>
    new UserError(`The Arrow table ${file.path} is damaged: its description is not that of its columns.`);
  const layers = layersIn(text);
  const units = layers?.reduce((sum, layer) => sum + layer.units, 0);
  const known = { rows: Number(images), depth: Number(depth) };
  const widths = ['high', 'high_row', 'low', 'low_row'].map((name) => file.width(name));
  if (!layers || units !== file.rows || widths.some((width) => width !== known.depth)) throw damaged();
  return {
    form: FORM,
    layers,
    ...known,
    isOf: (names) => digestOf(names) === paths,
    async *units(from, to) {
      for (let batch = 0; batch < file.starts.length - 1; batch++) {
        const [start, end] = [file.starts[batch]!, file.starts[batch + 1]!];
        if (end <= from || start >= to) continue;
        const unitAt = unitsIn(await file.readBatch(batch), known);
        for (let unit = Math.max(from, start); unit < Math.min(to, end); unit++)
          yield { unit, ...(unitAt(unit - start) ?? raise(damaged())) };
      }
    },
    close: file.close,
  };
}

/** A function from the row of a batch to the unit there; undefined where a row isn't one of the shard. */
function unitsIn(batch: Rows, { depth, rows }: { readonly depth: number; readonly rows: number }) {
  const side = (values: string, images: string) => {
    const [all, places] = [batch.floats(values).values, batch.ints(images).values];
    return (row: number): End => ({
      values: all.subarray(row * depth, (row + 1) * depth),
      images: places.subarray(row * depth, (row + 1) * depth),
    });
  };
  const [highOf, lowOf] = [side('high', 'high_row'), side('low', 'low_row')];
  const sums = SUM_COLUMNS.map((name) => batch.float64(name));
  const isRow = (image: number) => image >= 0 && image < rows;
  return (row: number): Omit<UnitExtremes, 'unit'> | undefined => {
    const [high, low] = [highOf(row), lowOf(row)];
    if (!high.images.every(isRow) || !low.images.every(isRow)) return undefined;
    return { high, low, sums: Float64Array.from(sums, (column) => column[row]!) };
  };
}

function raise(error: Error): never {
  throw error;
}

function layersIn(text: string): ActivationLayer[] | undefined {
  try {
    const layers = JSON.parse(text) as ActivationLayer[];
    const isRight = ({ name, units, depth }: ActivationLayer) =>
      typeof name === 'string' && Number.isInteger(units) && Number.isInteger(depth);
    return Array.isArray(layers) && layers.every(isRight) ? layers : undefined;
  } catch {
    return undefined;
  }
}

function digestOf(paths: readonly string[]): string {
  const hash = createHash('sha256');
  for (const path of paths) hash.update(`${path}\0`);
  return hash.digest('hex');
}
