import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { toBinary } from '@bufbuild/protobuf';
import { writeExplanations } from '../../../tables/explanations.ts';
import { writeUnitStats } from '../../../tables/unit-stats.ts';
import { type Axis, makeValue } from '../../../vision/onnx/build.ts';
import { ModelProtoSchema, type NodeProto } from '../../../vision/onnx/onnx_pb.ts';
import { temporaryFolder } from '../../support/fake-task.ts';
import { type Made, makeProto, node } from '../../vision/onnx/make.ts';
import { makeShard, SIDE, type TestImage } from '../cache-activations/images.ts';

export const [N, K, UNITS, LAYERS] = [3, 2, 4, 3];

/** A model of two images, `input` and `second`, with the given nodes; the last one's output is the model's. */
export function writePairModel(
  nodes: readonly NodeProto[],
  {
    shape = ['N', 3, SIDE, SIDE],
    inputs = ['input', 'second'],
    ...extra
  }: { shape?: readonly Axis[]; inputs?: readonly string[] } & Partial<Made> = {},
): string {
  const output = nodes.at(-1)!.output[0]!;
  const proto = makeProto({ nodes, input: shape, output, outputShape: ['N'], ...extra });
  proto.graph!.input = inputs.map((name) => makeValue(name, 1, shape));
  const file = join(temporaryFolder(), 'pairs.onnx');
  writeFileSync(file, toBinary(ModelProtoSchema, proto));
  return file;
}

/** The mean squared difference of two images. */
export const MSE = [
  node('Sub', ['input', 'second'], 'd'),
  node('Mul', ['d', 'd'], 'square'),
  node('ReduceMean', ['square'], 'mse', { axes: [1, 2, 3], keepdims: 0 }),
];

/** Mean of the first image, less twice that of the second: not the same the other way round. [N, 1, 1, 1]. */
export const LOPSIDED = [
  node('ReduceMean', ['input'], 'ma', { axes: [1, 2, 3], keepdims: 1 }),
  node('ReduceMean', ['second'], 'mb', { axes: [1, 2, 3], keepdims: 1 }),
  node('Add', ['mb', 'mb'], 'twice'),
  node('Sub', ['ma', 'twice'], 'f'),
];

/** Explanations of `UNITS` units in each of `LAYERS` layers over `images` images, unit 1 of each constant. */
export function writeStudy(images: number) {
  const folder = temporaryFolder();
  const paths = { explanations: join(folder, 'explanations'), stats: join(folder, 'stats') };
  const units = Array.from({ length: LAYERS * UNITS }, (_, i) => ({
    layer: `layer${Math.floor(i / UNITS)}`,
    unit: i % UNITS,
    constant: i % UNITS === 1,
  }));
  const column = () => new Float64Array(units.length);
  writeUnitStats(paths.stats, {
    count: units.length,
    layer: units.map(({ layer }) => layer),
    layer_type: units.map(() => 'conv'),
    depth: new Int32Array(units.length),
    relative_depth: column(),
    width: new Int32Array(units.length),
    relative_width: column(),
    unit: Int32Array.from(units, ({ unit }) => unit),
    constant: units.map(({ constant }) => constant),
    activation_min: column(),
    activation_max: column(),
    activation_mean: column(),
    activation_sd: column(),
  });
  const writer = writeExplanations(paths.explanations, { tasks: N, references: K, images });
  const scored = units.flatMap(({ layer, unit, constant }, i) => (constant ? [] : [{ layer, unit, i }]));
  for (const [from, to] of [
    [0, 4],
    [4, scored.length],
  ] as const) {
    const rows = scored
      .slice(from, to)
      .flatMap((unit) => Array.from({ length: N }, (_, task) => ({ ...unit, task })));
    const pick = (part: number, length = 1) =>
      Int32Array.from(
        rows.flatMap(({ i, task }) =>
          Array.from({ length }, (_, j) => (i * 3 + task * 2 + part + j * 4) % images),
        ),
      );
    writer.write({
      layer: rows.map(({ layer }) => layer),
      unit: rows.map(({ unit }) => unit),
      task: rows.map(({ task }) => task),
      query_plus: pick(0),
      query_minus: pick(1),
      references_plus: pick(2, K),
      references_minus: pick(5, K),
    });
  }
  writer.close();
  return paths;
}

/** The images in shards, as inputs of a stage. */
export function shardsOf(images: readonly TestImage[], shards: number) {
  const folder = temporaryFolder();
  const made = Array.from({ length: shards }, (_, s) => {
    const shard = `0${s}`;
    const inputs = makeShard(
      folder,
      shard,
      images.filter((_, i) => (i * 5) % shards === s),
    );
    return {
      images: { ...inputs.images, vars: { shard } },
      places: { ...inputs.places, vars: { shard } },
    };
  });
  return { images: made.map((each) => each.images), places: made.map((each) => each.places) };
}
