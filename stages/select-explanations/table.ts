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
  let layers: string[] = [];
  let units: number[] = [];
  let dealt: UnitTasks[] = [];
  const flush = () => {
    if (dealt.length === 0) return;
    const rows = dealt.length * tasks;
    writer.write({
      layer: Array.from({ length: rows }, (_, row) => layers[Math.floor(row / tasks)]!),
      unit: Int32Array.from({ length: rows }, (_, row) => units[Math.floor(row / tasks)]!),
      task: Int32Array.from({ length: rows }, (_, row) => row % tasks),
      query_plus: joined(dealt.map((unit) => unit.query_plus)),
      query_minus: joined(dealt.map((unit) => unit.query_minus)),
      references_plus: joined(dealt.map((unit) => unit.references_plus)),
      references_minus: joined(dealt.map((unit) => unit.references_minus)),
    });
    layers = [];
    units = [];
    dealt = [];
  };
  return {
    write(layer: string, unit: number, unitTasks: UnitTasks) {
      layers.push(layer);
      units.push(unit);
      dealt.push(unitTasks);
      if (dealt.length === UNITS) flush();
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
  let held: { layer: string; unit: number; most: Int32Array; least: Int32Array }[] = [];
  const flush = () => {
    if (held.length === 0) return;
    writer.write({
      layer: held.map(({ layer }) => layer),
      unit: Int32Array.from(held, ({ unit }) => unit),
      most: joined(held.map(({ most }) => most)),
      least: joined(held.map(({ least }) => least)),
    });
    held = [];
  };
  return {
    write(layer: string, unit: number, highest: Int32Array, lowest: Int32Array) {
      held.push({ layer, unit, most: highest.slice(0, width), least: lowest.slice(0, width) });
      if (held.length === UNITS) flush();
    },
    close() {
      flush();
      writer.close();
    },
    abort: writer.abort,
  };
}

function joined(parts: readonly Int32Array[]): Int32Array {
  const all = new Int32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
