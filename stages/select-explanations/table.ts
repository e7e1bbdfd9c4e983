import { writeExplanations } from '../../tables/explanations.ts';
import { EXTREMES, writeExtremes } from '../../tables/extremes.ts';
import type { Plan } from './plan.ts';
import type { UnitTasks } from './tasks.ts';

/** A batch of the table holds the tasks of this many units, whatever the blocks in which they were found. */
const UNITS = 512;

/** Writes the tasks of unit after unit, in record batches that depend on the units alone. */
export function explanationWriter(path: string, plan: Plan, images: number) {
  const { tasks, references } = plan;
  const writer = writeExplanations(path, { tasks, references, images });
  const rows = UNITS * tasks;
  const layers = new Array<string>(rows);
  const held = {
    unit: new Int32Array(rows),
    task: Int32Array.from({ length: rows }, (_, row) => row % tasks),
    query_plus: new Int32Array(rows),
    query_minus: new Int32Array(rows),
    references_plus: new Int32Array(rows * references),
    references_minus: new Int32Array(rows * references),
  };
  let count = 0;
  const flush = () => {
    if (count === 0) return;
    const end = count * tasks;
    writer.write({
      layer: layers.slice(0, end),
      unit: held.unit.subarray(0, end),
      task: held.task.subarray(0, end),
      query_plus: held.query_plus.subarray(0, end),
      query_minus: held.query_minus.subarray(0, end),
      references_plus: held.references_plus.subarray(0, end * references),
      references_minus: held.references_minus.subarray(0, end * references),
    });
    count = 0;
  };
  return {
    write(layer: string, unit: number, dealt: UnitTasks) {
      const at = count * tasks;
      layers.fill(layer, at, at + tasks);
      held.unit.fill(unit, at, at + tasks);
      held.query_plus.set(dealt.query_plus, at);
      held.query_minus.set(dealt.query_minus, at);
      held.references_plus.set(dealt.references_plus, at * references);
      held.references_minus.set(dealt.references_minus, at * references);
      if (++count === UNITS) flush();
    },
    close() {
      flush();
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
    write(layer: string, unit: number, highest: Int32Array, lowest: Int32Array) {
      layers[count] = layer;
      units[count] = unit;
      for (let i = 0, at = count * width; i < width; i++, at++) {
        most[at] = highest[i]!;
        least[at] = lowest[i]!;
      }
      if (++count === UNITS) flush();
    },
    close() {
      flush();
      writer.close();
    },
    abort: writer.abort,
  };
}
