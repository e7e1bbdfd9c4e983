import { writeExplanations } from '../../tables/explanations.ts';
import { EXTREMES, writeExtremes } from '../../tables/extremes.ts';
import type { Plan } from './plan.ts';
import type { UnitTasks } from './select.ts';

/** A batch of the table holds the tasks of this many units, whatever the blocks in which they were found. */
const UNITS = 512;

/** So many batches may wait to be written while other threads work. */
const WAITING = 4;

/** Columns of images: one in each row, or as many as there are references. */
const IMAGES = [
  ['query_plus', 'one'],
  ['query_minus', 'one'],
  ['references_plus', 'all'],
  ['references_minus', 'all'],
] as const;

/** Writes the tasks of unit after unit, in record batches that depend on the units alone. */
export function explanationWriter(path: string, plan: Plan, images: number) {
  const { tasks, references } = plan;
  const writer = writeExplanations(path, { tasks, references, images });
  const rows = UNITS * tasks;
  const roomOf = () => ({
    layer: { words: [] as readonly string[], codes: new Int32Array(rows) },
    unit: new Int32Array(rows),
    task: Int32Array.from({ length: rows }, (_, row) => row % tasks),
    query_plus: new Int32Array(rows),
    query_minus: new Int32Array(rows),
    references_plus: new Int32Array(rows * references),
    references_minus: new Int32Array(rows * references),
  });
  /** Batches that wait to be written, and those that were. */
  const full: ReturnType<typeof roomOf>[] = [];
  const free: ReturnType<typeof roomOf>[] = [];
  const names: string[] = [];
  let held = roomOf();
  let count = 0;
  const work = () => {
    const batch = full.shift();
    if (!batch) return;
    writer.write(batch);
    free.push(batch);
  };
  return {
    write({ layer, unit, count: given, tasks: dealt, at }: UnitTasks) {
      for (let from = 0, some = 0; from < given; from += some) {
        some = Math.min(given - from, UNITS - count);
        const row = count * tasks;
        if (names.at(-1) !== layer) names.push(layer); // Layers come one after the other.
        held.layer.codes.fill(names.length - 1, row, row + some * tasks);
        for (let i = 0; i < some; i++)
          held.unit.fill(unit + from + i, row + i * tasks, row + (i + 1) * tasks);
        for (const [name, width] of IMAGES) {
          const length = tasks * (width === 'one' ? 1 : references);
          held[name].set(
            dealt[name].subarray((at + from) * length, (at + from + some) * length),
            count * length,
          );
        }
        count += some;
        if (count < UNITS) continue;
        held.layer.words = names.slice();
        full.push(held);
        if (full.length > WAITING) work();
        [held, count] = [free.pop() ?? roomOf(), 0];
      }
    },
    /** Writes a batch that waits, if one does. */
    work,
    close() {
      while (full.length > 0) work();
      const end = count * tasks;
      if (count > 0)
        writer.write({
          layer: { words: names, codes: held.layer.codes.subarray(0, end) },
          unit: held.unit.subarray(0, end),
          task: held.task.subarray(0, end),
          query_plus: held.query_plus.subarray(0, end),
          query_minus: held.query_minus.subarray(0, end),
          references_plus: held.references_plus.subarray(0, end * references),
          references_minus: held.references_minus.subarray(0, end * references),
        });
      count = 0;
      writer.close();
    },
    abort: writer.abort,
  };
}

/** Writes the first images from either end of unit after unit, in the same batches. */
export function extremeWriter(path: string, plan: Plan) {
  const width = Math.min(EXTREMES, plan.depth);
  const writer = writeExtremes(path, width);
  const layers = new Array<string>(UNITS);
  const units = new Int32Array(UNITS);
  const most = new Int32Array(UNITS * width);
  const least = new Int32Array(UNITS * width);
  let count = 0;
  const flush = () => {
    if (count === 0) return;
    writer.write({
      layer: layers.slice(0, count),
      unit: units.subarray(0, count),
      most: most.subarray(0, count * width),
      least: least.subarray(0, count * width),
    });
    count = 0;
  };
  return {
    write({ layer, unit, count: given, firsts }: UnitTasks) {
      for (let i = 0; i < given; i++) {
        layers[count] = layer;
        units[count] = unit + i;
        firsts(i, 'high', width, most, count * width);
        firsts(i, 'low', width, least, count * width);
        if (++count === UNITS) flush();
      }
    },
    close() {
      flush();
      writer.close();
    },
    abort: writer.abort,
  };
}
