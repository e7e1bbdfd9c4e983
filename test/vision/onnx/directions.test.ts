import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { toBinary } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { type Columns, float32, float64, floats, writeTable } from '../../../tables/arrow.ts';
import { makeValue } from '../../../vision/onnx/build.ts';
import type { Direction } from '../../../vision/onnx/directions.ts';
import { type NetworkOptions, openNetwork, type Results } from '../../../vision/onnx/network.ts';
import { ModelProtoSchema } from '../../../vision/onnx/onnx_pb.ts';
import { INSTALL, pythonWith, runPython } from '../../support/python.ts';
import { folder, type Made, makeProto, node, numbers, pixels, weight, write } from './make.ts';

const where = folder();
const [SIDE, COUNT, M] = [4, 5, 7];
const POSITIONS = SIDE * SIDE;
const images = pixels(COUNT, SIDE, SIDE);

/** Feature map `a` [B, 4, H, W], channels-last map `q` [B, H, W, 5], tokens `s` [B, T, 6], flattened `v` [B·T, 3], vector. */
const NODES = [
  node('Conv', ['input', 'conv.weight', 'conv.bias'], 'a'),
  node('Transpose', ['a'], 't', { perm: [0, 2, 3, 1] }),
  node('MatMul', ['t', 'last.weight'], 'q'),
  node('Reshape', ['q', 'tokens'], 'u'),
  node('MatMul', ['u', 'token.weight'], 's'),
  node('Reshape', ['s', 'flat'], 'w'),
  node('Gemm', ['w', 'flat.weight'], 'v'),
  node('Reshape', ['v', 'maps'], 'm'),
  node('ReduceMean', ['m'], 'g', { axes: [1], keepdims: 0 }),
  node('Gemm', ['g', 'head.weight'], 'logits'),
];

async function network(): Promise<string> {
  const { int64Tensor } = await import('../../../vision/onnx/build.ts');
  const made: Made = {
    nodes: NODES,
    weights: [
      weight('conv.weight', [4, 3, 1, 1], 1),
      weight('conv.bias', [4], 2),
      weight('last.weight', [4, 5], 3),
      weight('token.weight', [5, 6], 4),
      weight('flat.weight', [6, 3], 5),
      weight('head.weight', [3, 2], 6),
      int64Tensor([3], [-1, POSITIONS, 5], 'tokens'),
      int64Tensor([2], [-1, 6], 'flat'),
      int64Tensor([3], [-1, POSITIONS, 3], 'maps'),
    ],
    input: ['N', 3, SIDE, SIDE],
    output: 'logits',
  };
  return write(where, 'network.onnx', made);
}

/** Values of every layer, image by image and position by position, in double precision. */
function byHand(): Record<string, number[][][]> {
  const layers: Record<string, number[][][]> = { conv: [], last: [], token: [], flat: [], head: [] };
  const times = (x: readonly number[], w: readonly number[], width: number) =>
    Array.from({ length: width }, (_, u) => x.reduce((sum, value, c) => sum + value * w[c * width + u]!, 0));
  const w1 = numbers([4, 3], 1);
  for (let image = 0; image < COUNT; image++) {
    const at = Array.from({ length: POSITIONS }, (_, i) =>
      [0, 1, 2].map((c) => images[(image * POSITIONS + i) * 3 + c]! / 255),
    );
    const conv = at.map((x) =>
      numbers([4], 2).map((bias, u) => bias + x.reduce((sum, value, c) => sum + value * w1[u * 3 + c]!, 0)),
    );
    const last = conv.map((x) => times(x, numbers([4, 5], 3), 5));
    const token = last.map((x) => times(x, numbers([5, 6], 4), 6));
    const flat = token.map((x) => times(x, numbers([6, 3], 5), 3));
    const mean = [0, 1, 2].map((c) => flat.reduce((sum, x) => sum + x[c]!, 0) / POSITIONS);
    for (const [name, value] of Object.entries({ conv, last, token, flat })) layers[name]!.push(value);
    layers.head!.push([times(mean, numbers([3, 2], 6), 2)]);
  }
  return layers;
}

const matrix = (width: number) => ({ d: numbers([M, width], 7), b: numbers([M], 8) });

/** relu(D x + b), for a row. */
function applied(x: readonly number[]): number[] {
  const { d, b } = matrix(x.length);
  return b.map((bias, u) =>
    Math.max(0, bias + x.reduce((sum, value, c) => sum + value * d[u * x.length + c]!, 0)),
  );
}

const meanOf = (rows: readonly (readonly number[])[]) =>
  rows[0]!.map((_, c) => rows.reduce((sum, row) => sum + row[c]!, 0) / rows.length);

function tableFile(width: number, name = `directions-${width}.arrow`): string {
  const file = path.join(where, name);
  const { d, b } = matrix(width);
  writeTable(
    file,
    { direction: floats(width), bias: float32() },
    {
      direction: Float32Array.from(d),
      bias: Float32Array.from(b),
    },
  );
  return file;
}

function onnxFile(width: number, extra: Partial<Made> = {}, name = `directions-${width}.onnx`): string {
  return write(where, name, {
    nodes: [node('Gemm', ['input', 'conv.weight', 'b'], 'y', { transB: 1 }), node('Relu', ['y'], 'z')],
    weights: [weight('conv.weight', [M, width], 7), weight('b', [M], 8)],
    input: ['N', width],
    output: 'z',
    outputShape: ['N', M],
    opset: 9,
    ...extra,
  });
}

const options = (
  directions: readonly Partial<Direction>[],
  more: Partial<NetworkOptions> = {},
): NetworkOptions => ({
  layers: ['all'],
  directions: directions.map((given, i) => ({
    name: `d${i}`,
    layer: 'conv',
    per: 'position',
    file: onnxFile(4),
    ...given,
  })),
  tokens: 'mean',
  output: 'none',
  preprocess: {},
  ...more,
});

async function runAll(given: NetworkOptions, batch = COUNT) {
  const opened = await openNetwork(await network(), given);
  const parts: Results[] = [];
  for (let first = 0; first < COUNT; first += batch) {
    const count = Math.min(batch, COUNT - first);
    const size = POSITIONS * 3;
    parts.push(
      structuredClone(await opened.run(images.subarray(first * size, (first + count) * size), count)),
    );
  }
  await opened.close();
  const values = new Map(
    opened.layers.map(({ name }, i) => [name, parts.flatMap((part) => [...part.activations[i]!])]),
  );
  return { layers: opened.layers, values };
}

describe('directions', () => {
  const places = [
    ['conv', 4, 'a feature map'],
    ['last', 5, 'a channels-last map'],
    ['token', 6, 'tokens'],
    ['flat', 3, 'positions that share an axis with the batch'],
    ['head', 2, 'a vector'],
  ] as const;

  it.each(places)('in %s of %i channels, %s: what a direct evaluation gives', async (layer, width) => {
    const rows = byHand()[layer]!;
    const { values } = await runAll(
      options([
        { layer, file: onnxFile(width) },
        { layer, file: onnxFile(width), per: 'pooled' },
        { layer, file: tableFile(width), activation: 'relu' },
        { layer, file: tableFile(width), activation: 'relu', per: 'pooled' },
      ]),
    );
    const each = rows.flatMap((positions) => meanOf(positions.map(applied)));
    const pooled = rows.flatMap((positions) => applied(meanOf(positions)));
    for (const [name, expected] of [
      ['d0', each],
      ['d1', pooled],
      ['d2', each],
      ['d3', pooled],
    ] as const) {
      const largest = Math.max(...expected.map(Math.abs));
      values.get(name)!.forEach((value, i) => {
        expect(Math.abs(value - expected[i]!)).toBeLessThan(3e-6 * largest);
      });
      expect(values.get(name)!).toHaveLength(COUNT * M);
    }
    if (layer !== 'head') expect(each.some((value, i) => Math.abs(value - pooled[i]!) > 1e-3)).toBe(true);
  });

  it('stand behind the layer that they read, and leave the others as they are', async () => {
    const directions = [
      { name: 'late', layer: 'tensor:logits', file: onnxFile(2) },
      { name: 'between', layer: 'tensor:u@-1', file: onnxFile(5) },
      { name: 'early', layer: 'conv', file: onnxFile(4) },
    ];
    const { layers, values } = await runAll(options(directions, { layers: ['conv', 'last', 'head'] }));
    expect(layers.map(({ name, type, depth, units }) => [name, type, depth, units])).toEqual([
      ['conv', 'conv', 0, 4],
      ['early', 'direction', 0, M],
      ['last', 'linear', 1, 5],
      ['between', 'direction', 1, M],
      ['head', 'linear', 2, 2],
      ['late', 'direction', 2, M],
    ]);
    expect(layers[1]).toMatchObject({ op: 'Conv', tensor: 'a', note: 'directions in conv, per position' });
    const without = await runAll(options([], { layers: ['conv', 'last', 'head'] }));
    for (const [name, expected] of without.values) expect(values.get(name)).toEqual(expected);
  });

  it('come out the same for any batch size', async () => {
    const given = options([
      { layer: 'token', file: onnxFile(6) },
      { layer: 'conv', per: 'pooled' },
    ]);
    const { values } = await runAll(given);
    for (const batch of [1, 2, 3]) expect((await runAll(given, batch)).values).toEqual(values);
  });

  it('with tokens: cls, read the first token', async () => {
    const given = [
      { layer: 'token', file: onnxFile(6) },
      { layer: 'token', file: onnxFile(6), per: 'pooled' } as const,
    ];
    const { values } = await runAll(options(given, { tokens: 'cls' }));
    const expected = byHand().token!.flatMap((positions) => applied(positions[0]!));
    for (const name of ['d0', 'd1']) {
      values.get(name)!.forEach((value, i) => {
        expect(value).toBeCloseTo(expected[i]!, 4);
      });
    }
  });

  it('are opened anew when the content of their file changes', async () => {
    const file = onnxFile(4, {}, 'changing.onnx');
    const before = (await runAll(options([{ file }]))).values.get('d0');
    onnxFile(4, { weights: [weight('conv.weight', [M, 4], 9), weight('b', [M], 8)] }, 'changing.onnx');
    expect((await runAll(options([{ file }]))).values.get('d0')).not.toEqual(before);
  });

  it('tell in one paragraph what is wrong with them', async () => {
    const failing = (given: Partial<Direction>, message: RegExp) =>
      expect(runAll(options([given]))).rejects.toMatchObject({
        name: 'UserError',
        message: expect.stringMatching(message),
      });
    await failing(
      { layer: 'last' },
      /directions-4\.onnx are made for 4 channels, but the layer "last" has 5/,
    );
    await failing({ layer: 'convv' }, /No layer of the model .* matches "convv"\. Nearest: "conv"/);
    await failing(
      { layer: 'linear' },
      /"d0" read one layer, but "linear" matches 4 of the model .*: last, token, flat, head/,
    );
    await failing({ name: 'flat' }, /"flat" of the model .* need another name: a layer has this one/);
    await failing({ name: 'path' }, /"path" is a column of the tables/);
    await failing({ file: path.join(where, 'none.onnx') }, /none\.onnx can't be read: there is no such file/);
    await failing({ file: tableFile(5) }, /are rows of 5 numbers, but the layer "conv" has 4 channels/);
    await failing({ file: tableFile(4), output: 'z' }, /`output: z` is for ONNX files/);
    await failing({ activation: 'relu' }, /`activation: relu` is for directions in an Arrow table/);
    await failing({ output: 'latents' }, /has no output "latents"; it has "z"/);
    const maps = onnxFile(4, { input: ['N', 4, 2, 2] }, 'maps.onnx');
    await failing({ file: maps }, /one input \[N, C\] of float32 is needed, and it has "input" \[N,4,2,2\]/);
    await failing({ file: onnxFile(4, { input: [3, 4] }, 'fixed.onnx') }, /take exactly 3 rows at a time/);
    const free = onnxFile(5, { input: ['N', 'C'] }, 'free.onnx');
    await failing({ file: free }, /free\.onnx can't be applied to 4 channels of the layer "conv": /);
    const sum = onnxFile(
      4,
      { nodes: [node('ReduceSum', ['input'], 'z', { axes: [1], keepdims: 0 })] },
      'sum.onnx',
    );
    await failing({ file: sum }, /values of the shape \[5\] for 5 rows of 4 channels/);
    const centred = [
      node('ReduceMean', ['input'], 'mean', { axes: [0], keepdims: 1 }),
      node('Sub', ['input', 'mean'], 'z'),
    ];
    await failing(
      { file: onnxFile(4, { nodes: centred, outputShape: ['N', 4] }, 'c.onnx') },
      /for one row depends on the other rows/,
    );
    const table = path.join(where, 'odd.arrow');
    const columns: Columns = { direction: float64() };
    writeTable(table, columns, { direction: Float64Array.of(1, 2) });
    await failing({ file: table }, /odd\.arrow can't hold directions: .* It has the columns direction\./);
    writeFileSync(table, readFileSync(table).subarray(0, 200));
    await failing({ file: table }, /odd\.arrow is cut short or damaged.* If it is compressed/);
    const two = makeProto({
      nodes: [node('Relu', ['input'], 'z'), node('Neg', ['input'], 'r')],
      input: ['N', 4],
      output: 'z',
    });
    two.graph!.output.push(makeValue('r', 1, ['N', 4]));
    const several = path.join(where, 'several.onnx');
    writeFileSync(several, toBinary(ModelProtoSchema, two));
    await failing(
      { file: several },
      /which output of the ONNX file .* Name it with `output`; there are "z", "r"/,
    );
    expect((await runAll(options([{ file: several, output: 'r' }]))).layers[1]).toMatchObject({ units: 4 });
  });
});

const python = pythonWith('torch', 'numpy');
interface Found {
  readonly file: string;
  readonly images: readonly number[];
  readonly found: readonly { layer: string; file: string; per: 'position' | 'pooled'; values: number[][] }[];
}

describe.skipIf(!python)(`directions, against PyTorch (${INSTALL})`, () => {
  it('gives what sparse encoders make of the outputs of modules, each in an operator set of its own', async () => {
    const program = readFileSync(new URL('./torch_directions.py', import.meta.url), 'utf8');
    const { file, images: bytes, found } = runPython<Found>(python!, program, { folder: where });
    const directions = found.map(({ layer, file: sae, per }, i) => ({
      name: `sae${i}`,
      layer,
      file: sae,
      per,
    }));
    const opened = await openNetwork(file, options(directions, { preprocess: { range: [-1, 1] } }));
    const { activations } = await opened.run(Uint8Array.from(bytes), 5);
    await opened.close();
    expect(found.length).toBe(8);
    for (const [i, { values }] of found.entries()) {
      const actual = activations[opened.layers.findIndex(({ name }) => name === `sae${i}`)]!;
      const expected = values.flat();
      const largest = Math.max(...expected.map(Math.abs));
      expect(actual).toHaveLength(expected.length);
      actual.forEach((value, j) => {
        expect(Math.abs(value - expected[j]!)).toBeLessThan(1e-5 * largest);
      });
    }
  });
});
