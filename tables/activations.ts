import { UserError } from '../common/errors.ts';
import {
  type ArrowFile,
  type Columns,
  floats,
  noted,
  openArrow,
  type Slab,
  utf8,
  writeArrow,
} from './arrow.ts';

/** A layer whose pooled activations are cached. */
export interface ActivationLayer {
  readonly name: string;
  /**
   * `conv`, `linear`, `batch-norm`, `layer-norm`, `group-norm`, `instance-norm`, `tensor` for one named by the user,
   * `direction` for directions in the space of a layer.
   */
  readonly type: string;
  /** ONNX operator that puts the tensor out; of directions, the tensor that they read. */
  readonly op: string;
  /** Tensor of the ONNX graph that the activations are taken from. */
  readonly tensor: string;
  readonly units: number;
  /** Index among the model's own layers, in execution order; of directions, that of the layer which they read. */
  readonly depth: number;
  /** Something to know about it, such as a batch norm that the exporter folded in. */
  readonly note?: string;
}

const PATH = 'path';
/** A record batch holds about this many bytes, whatever the batch size of the network was. */
const BATCH_BYTES = 16 * 2 ** 20;
const MOST_ROWS = 512;

/** Writes the activations of one model on one shard. */
export interface ActivationWriter {
  /**
   * Appends images: their paths, and for each layer in order a flat array [images × units] (copied).
   * Rows are regrouped into record batches of a fixed size, so that the file doesn't depend on how they arrive.
   */
  write(paths: readonly string[], layers: readonly Float32Array[]): void;
  close(): void;
  abort(): void;
}

/**
 * Starts an activation file: column `path`, then one column a layer, named after it, of fixed-size lists of float32
 * with the layer's description as field metadata. Layer names must be distinct and not `path`.
 */
export function writeActivations(path: string, layers: readonly ActivationLayer[]): ActivationWriter {
  const columns: Record<string, Columns[string]> = { [PATH]: utf8() };
  for (const layer of layers) {
    if (layer.name in columns) throw new Error(`two columns are named "${layer.name}"`);
    columns[layer.name] = noted(floats(layer.units), textOf(layer));
  }
  const writer = writeArrow(path, columns);
  const rows = rowsPerBatch(layers);
  const names: string[] = [];
  const blocks = layers.map((layer) => new Float32Array(rows * layer.units));
  const flush = () => {
    if (names.length === 0) return;
    const values: Record<string, string[] | Float32Array> = { [PATH]: names };
    layers.forEach((layer, i) => {
      values[layer.name] = blocks[i]!.subarray(0, names.length * layer.units);
    });
    writer.write(values);
    names.length = 0;
  };
  return {
    write(paths, activations) {
      for (let from = 0; from < paths.length; ) {
        const count = Math.min(paths.length - from, rows - names.length);
        layers.forEach(({ units }, i) => {
          const part = activations[i]!.subarray(from * units, (from + count) * units);
          blocks[i]!.set(part, names.length * units);
        });
        names.push(...paths.slice(from, from + count));
        from += count;
        if (names.length === rows) flush();
      }
    },
    close() {
      flush();
      writer.close();
    },
    abort: writer.abort,
  };
}

/** Rows in a record batch: at least 1, at most 512, about 16 MiB. Depends on the layers alone. */
export function rowsPerBatch(layers: readonly { readonly units: number }[]): number {
  const width = layers.reduce((sum, layer) => sum + layer.units * 4, 0);
  return Math.max(1, Math.min(MOST_ROWS, Math.floor(BATCH_BYTES / Math.max(1, width))));
}

/** Activations of some consecutive images of a shard. */
export interface ActivationBatch {
  /** Row of the first image in the shard. */
  readonly start: number;
  readonly rows: number;
  readonly paths: readonly string[];
  /** Activations [rows × units] of a layer, by its index. A view: don't write to it. */
  layer(index: number): Float32Array;
}

/** The activations of one model on one shard, open for reading. */
export interface ActivationFile {
  readonly form: 'full';
  readonly layers: readonly ActivationLayer[];
  readonly rows: number;
  readonly batchCount: number;
  /** First row of each batch, then the number of rows. */
  readonly starts: readonly number[];
  /** Bytes of the largest batch, and the most bytes of one that aren't activations. */
  readonly batchBytes: number;
  readonly otherBytes: number;
  batch(index: number): Promise<ActivationBatch>;
  batches(): AsyncGenerator<ActivationBatch, void, undefined>;
  /**
   * The same for some layers alone, by their indices, without paths unless they are asked for; nothing else of the file is
   * read if the layers adjoin (with paths: the first ones). Values hold until the slab is used again.
   */
  part(index: number, layers: readonly number[], slab: Slab, paths: boolean): Promise<ActivationBatch>;
  close(): Promise<void>;
}

/** Opens an activation file; batches are read one at a time. Throws a UserError when it is damaged. */
export async function openActivations(path: string): Promise<ActivationFile> {
  return activationsIn(await openArrow(path));
}

/** An open Arrow file as one of activations. */
export async function activationsIn(file: ArrowFile): Promise<ActivationFile> {
  const layers = await layersOf(file);
  const units = layers.reduce((sum, layer) => sum + layer.units, 0);
  const batch = async (index: number): Promise<ActivationBatch> => {
    const rows = await file.readBatch(index);
    return {
      start: file.starts[index]!,
      rows: rows.rows,
      paths: rows.strings(PATH),
      layer: (i) => rows.floats(layers[i]!.name).values,
    };
  };
  return {
    form: 'full',
    layers,
    rows: file.rows,
    batchCount: file.starts.length - 1,
    starts: file.starts,
    batchBytes: file.batchBytes,
    otherBytes: file.bodyBytes.reduce((most, bytes, i) => {
      const rows = file.starts[i + 1]! - file.starts[i]!;
      return Math.max(most, bytes - 4 * rows * units);
    }, 0),
    batch,
    async part(index, chosen, slab, paths) {
      const names = chosen.map((i) => layers[i]!.name);
      const read = await file.readPart(index, paths ? [PATH, ...names] : names, slab);
      const [start, end] = [file.starts[index]!, file.starts[index + 1]!];
      return {
        start,
        rows: end - start,
        paths: paths ? read.strings(PATH) : [],
        layer: (i) => read.floats(layers[i]!.name).values,
      };
    },
    async *batches() {
      for (let i = 0; i < file.starts.length - 1; i++) yield await batch(i);
    },
    close: file.close,
  };
}

async function layersOf(file: ArrowFile): Promise<ActivationLayer[]> {
  try {
    return file.columns.filter((name) => name !== PATH).map((name) => layerOf(file, name));
  } catch (error) {
    await file.close();
    throw error;
  }
}

function textOf(layer: ActivationLayer): Record<string, string> {
  const { type, op, tensor, units, depth, note } = layer;
  return { type, op, tensor, units: `${units}`, depth: `${depth}`, ...(note === undefined ? {} : { note }) };
}

function layerOf(file: ArrowFile, name: string): ActivationLayer {
  const { type = '', op = '', tensor = '', units, depth, note } = file.columnMetadata(name);
  const known = { name, type, op, tensor, units: Number(units), depth: Number(depth) };
  if (file.width(name) !== known.units || !Number.isInteger(known.depth)) {
    throw new UserError(
      `The Arrow table ${file.path} is damaged: its column ${JSON.stringify(name)} has no description.`,
    );
  }
  return note === undefined ? known : { ...known, note };
}
