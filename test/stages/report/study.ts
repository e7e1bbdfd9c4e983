import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { randomStreams } from '../../../stats/random.ts';
import { mean } from '../../../stats/summary.ts';
import { writeExtremes } from '../../../tables/extremes.ts';
import { writeImages } from '../../../tables/images.ts';
import { writePlaces } from '../../../tables/places.ts';
import { writeTasks, writeUnits } from '../../../tables/scores.ts';
import type { FakeInput } from '../../support/fake-task.ts';

export interface StudyImage {
  readonly path: string;
  readonly label: string | null;
  readonly bytes: Buffer;
  readonly side: number;
}

export interface StudyModel {
  readonly name: string;
  readonly layers: readonly { readonly name: string; readonly type: string; readonly units: number }[];
  readonly top1: number | null;
  /** Every unit is constant. */
  readonly dead?: boolean;
  /** Which state of a training run it is. */
  readonly checkpoint?: { readonly run: string; readonly epoch: number };
  /** In the config's list of checkpoints, not in the zoo. */
  readonly apart?: boolean;
}

export interface Study {
  readonly images: readonly StudyImage[];
  readonly models: readonly StudyModel[];
  readonly encoders: readonly string[];
  readonly tasks?: number;
  readonly references?: number;
  readonly shards?: number;
  /** Candidates of a unit's side: image numbers to draw references and queries from. */
  candidates?(seed: number, side: 'plus' | 'minus'): readonly number[];
}

/** Everything that a made-up study hands to the report, and the numbers that went in. */
export interface WrittenStudy {
  readonly inputs: Record<string, FakeInput[]>;
  /** MIS of every unit by `encoder model layer unit`; null for a constant one. */
  readonly mis: Map<string, number | null>;
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x / 0.16));

/** Writes the inputs of the report stage: units and tasks that agree with each other, images that can be read. */
export function writeStudy(folder: string, study: Study): WrittenStudy {
  const { models, encoders, tasks = 5, references = 4 } = study;
  const inputs: Record<string, FakeInput[]> = {
    units: [],
    tasks: [],
    accuracy: [],
    zoo: [],
    extremes: [],
    ...writeDataSet(folder, study),
  };
  const mis = new Map<string, number | null>();
  for (const [m, model] of models.entries()) {
    const accuracy = join(folder, `accuracy-${m}.json`);
    writeFileSync(
      accuracy,
      JSON.stringify({
        top1: model.top1,
        top5: model.top1 && 0.99,
        n: model.top1 === null ? 0 : 9,
        ...(model.checkpoint && { checkpoint: model.checkpoint }),
      }),
    );
    const vars = { model: model.name };
    inputs.accuracy!.push({ path: accuracy, vars });
    if (!model.apart) inputs.zoo!.push({ path: accuracy, vars });
    inputs.extremes!.push({ path: writeEnds(join(folder, `extremes-${m}.arrow`), study, model), vars });
    for (const [e, encoder] of encoders.entries()) {
      const name = (kind: string) => join(folder, `${kind}-${m}-${e}.arrow`);
      const vars = { model: model.name, encoder };
      writeSubject(
        study,
        model,
        encoder,
        { tasks, references, units: name('units'), table: name('tasks') },
        mis,
      );
      inputs.units!.push({ path: name('units'), vars });
      inputs.tasks!.push({ path: name('tasks'), vars });
    }
  }
  return { inputs, mis };
}

/** The extreme images of every unit of a model: the first candidates of either side, turned on by its number. */
function writeEnds(path: string, study: Study, model: StudyModel): string {
  const units = model.layers.flatMap(({ name, units }) =>
    Array.from({ length: units }, (_, unit) => ({ layer: name, unit })),
  );
  const scored = model.dead ? [] : units.filter(({ unit }) => unit !== 1);
  const all = study.images.map((_, image) => image);
  const ends = (side: 'plus' | 'minus') =>
    scored.flatMap(({ unit }) => {
      const from = study.candidates?.(unit, side) ?? (side === 'plus' ? all : all.toReversed());
      return Array.from({ length: 4 }, (_, i) => from[(unit + i) % from.length]!);
    });
  const table = writeExtremes(path, 4);
  table.write({
    layer: scored.map(({ layer }) => layer),
    unit: Int32Array.from(scored, ({ unit }) => unit),
    most: Int32Array.from(ends('plus')),
    least: Int32Array.from(ends('minus')),
  });
  table.close();
  return path;
}

interface SubjectFiles {
  readonly tasks: number;
  readonly references: number;
  readonly units: string;
  readonly table: string;
}

function writeSubject(
  study: Study,
  model: StudyModel,
  encoder: string,
  files: SubjectFiles,
  scores: Map<string, number | null>,
): void {
  const { tasks, references } = files;
  const widest = Math.max(...model.layers.map((layer) => layer.units));
  const table = writeTasks(files.table, references, { alpha: 0.16, role: 'temperature' });
  const all = study.images.map((_, image) => image);
  const rows: Record<string, (string | number | boolean | null)[]> = {};
  const add = (name: string, value: string | number | boolean | null) => {
    rows[name] ??= [];
    rows[name].push(value);
  };
  model.layers.forEach((layer, depth) => {
    for (let unit = 0; unit < layer.units; unit++) {
      const random = randomStreams('study', encoder, model.name, layer.name, unit);
      const uniform = () => random.next() / 2 ** 32;
      const constant = unit === 1 || model.dead === true;
      const strength = 0.3 * uniform() + (0.12 * depth) / model.layers.length;
      const margins = Float64Array.from({ length: tasks }, () => strength - 0.06 + 0.25 * (uniform() - 0.5));
      const p = margins.map(sigmoid);
      const seed = random.below(1000);
      const pick = (side: 'plus' | 'minus', count: number) => {
        const from = study.candidates?.(seed, side) ?? all;
        return Int32Array.from({ length: count }, () => from[random.below(from.length)]!);
      };
      if (!constant) {
        table.write({
          layer: new Array<string>(tasks).fill(layer.name),
          unit: new Int32Array(tasks).fill(unit),
          task: Int32Array.from({ length: tasks }, (_, i) => i),
          query_plus: pick('plus', tasks),
          query_minus: pick('minus', tasks),
          references_plus: pick('plus', tasks * references),
          references_minus: pick('minus', tasks * references),
          s_plus_plus: margins.map((x) => 0.4 + x),
          s_plus_minus: margins.map(() => 0.4),
          s_minus_plus: margins.map(() => 0.3),
          s_minus_minus: margins.map(() => 0.3),
          margin: margins,
          p,
        });
      }
      const score = constant ? null : mean(p);
      scores.set([encoder, model.name, layer.name, unit].join(' '), score);
      const place = {
        layer: layer.name,
        layer_type: layer.type,
        depth,
        relative_depth: depth / Math.max(1, model.layers.length - 1),
      };
      const size = { width: layer.units, relative_width: layer.units / widest, unit, constant };
      const scored = {
        mis: score,
        mis_low: score && score - 0.03,
        mis_high: score && score + 0.03,
        task_accuracy: constant ? null : mean(margins.map((x) => (x > 0 ? 1 : 0))),
        mean_margin: constant ? null : mean(margins),
        sd_p: constant ? null : 0.1,
      };
      const activation = {
        activation_min: -1,
        activation_max: 2,
        activation_mean: 0.1 * unit,
        activation_sd: 0.5,
      };
      for (const [column, value] of Object.entries({ ...place, ...size, ...scored, ...activation }))
        add(column, value);
    }
  });
  table.close();
  const numbers = (name: string, kind: typeof Int32Array | typeof Float64Array) =>
    kind.from(rows[name] as number[]);
  const ints = ['depth', 'width', 'unit'].map((name) => [name, numbers(name, Int32Array)]);
  const floats = [
    'relative_depth',
    'relative_width',
    'activation_min',
    'activation_max',
    'activation_mean',
    'activation_sd',
  ];
  const columns = {
    ...rows,
    ...Object.fromEntries(ints),
    ...Object.fromEntries(floats.map((name) => [name, numbers(name, Float64Array)])),
  };
  writeUnits(files.units, { count: rows.unit!.length, ...columns } as never);
}

/** Image files by digest, and the index and places of every shard. */
function writeDataSet(folder: string, { images, shards = 3 }: Study): Record<string, FakeInput[]> {
  const inputs: Record<string, FakeInput[]> = { images: [], places: [] };
  mkdirSync(join(folder, 'data'), { recursive: true });
  const sorted = [...images].sort((a, b) => (a.path < b.path ? -1 : 1));
  for (let s = 0; s < shards; s++) {
    const own = sorted.filter((_, i) => i % shards === s);
    const vars = { shard: `${s}`.padStart(2, '0') };
    const digests = own.map(({ bytes }) => createHash('sha256').update(bytes).digest('hex'));
    const files = own.map((image, i) => {
      const file = join(folder, 'data', digests[i]!);
      writeFileSync(file, image.bytes);
      return file;
    });
    const sizes = Float64Array.from(own, ({ bytes }) => bytes.length);
    const sides = Int32Array.from(own, ({ side }) => side);
    const paths = own.map(({ path }) => path);
    const labels = own.map(({ label }) => label);
    const [index, places] = [join(folder, `images-${s}.arrow`), join(folder, `places-${s}.arrow`)];
    writeImages(index, { paths, bytes: sizes, digests, labels, widths: sides, heights: sides });
    const values = new Int32Array(own.length).fill(-1);
    writePlaces(places, { files, offsets: new Float64Array(own.length), bytes: sizes, values });
    inputs.images!.push({ path: index, vars });
    inputs.places!.push({ path: places, vars });
  }
  return inputs;
}
