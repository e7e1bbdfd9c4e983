import { int32, ints, openArrow, readAll, utf8, writeArrow } from './arrow.ts';

/** Class predictions of one model on one shard, a row an image in shard order. */
export interface Predictions {
  readonly paths: readonly string[];
  /** Number of logits. */
  readonly classes: number;
  /** Class with the largest logit of each image; the lowest index on ties. */
  readonly top1: Int32Array;
  /** The `k` classes with the largest logits of each image, best first, row after row. */
  readonly top5: Int32Array;
  /** Classes a row of `top5`: 5, or all where there are fewer. */
  readonly k: number;
}

const ROWS = 4096;

export interface PredictionWriter {
  /** Appends images by their logits, flat [images × classes]. */
  write(paths: readonly string[], logits: Float32Array): void;
  close(): void;
  abort(): void;
}

/** Starts a prediction file: `path`, `top1` int32, `top5` list of int32; metadata `classes`. */
export function writePredictions(path: string, classes: number): PredictionWriter {
  const k = Math.min(5, classes);
  const writer = writeArrow(path, { path: utf8(), top1: int32(), top5: ints(k) }, { classes: `${classes}` });
  let paths: string[] = [];
  let best: number[] = [];
  const flush = () => {
    if (paths.length === 0) return;
    const top5 = Int32Array.from(best);
    writer.write({ path: paths, top1: Int32Array.from(paths, (_, i) => top5[i * k]!), top5 });
    paths = [];
    best = [];
  };
  return {
    write(names, logits) {
      names.forEach((name, i) => {
        paths.push(name);
        best.push(...topClasses(logits.subarray(i * classes, (i + 1) * classes), k));
        if (paths.length === ROWS) flush();
      });
    },
    close() {
      flush();
      writer.close();
    },
    abort: writer.abort,
  };
}

/** Indices of the `k` largest values, largest first; the lower index first on ties. */
export function topClasses(logits: Float32Array, k: number): number[] {
  const top: number[] = [];
  for (let c = 0; c < logits.length; c++) {
    const value = logits[c]!;
    let at = top.length;
    while (at > 0 && value > logits[top[at - 1]!]!) at--;
    if (at >= k) continue;
    top.splice(at, 0, c);
    if (top.length > k) top.pop();
  }
  return top;
}

/** Reads a prediction file whole (24 bytes an image, and its path). */
export async function readPredictions(path: string): Promise<Predictions> {
  const table = await readAll(path);
  const { values: top5, width: k } = table.ints('top5');
  return {
    paths: table.strings('path'),
    classes: Number(table.metadata.classes),
    top1: table.int32('top1'),
    top5,
    k,
  };
}

/** Number of logits of a prediction file, from its footer alone. */
export async function classCount(path: string): Promise<number> {
  const file = await openArrow(path);
  await file.close();
  return Number(file.metadata.classes);
}
