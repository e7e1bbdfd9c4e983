import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { openNetwork } from '../../../vision/onnx/network.ts';
import { INSTALL, pythonWith, runPython } from '../../support/python.ts';
import { folder } from './make.ts';

const python = pythonWith('torch', 'torchvision', 'numpy', 'onnx');

/** What PyTorch's forward hooks saw; see torch_networks.py. */
interface Seen {
  readonly file: string;
  readonly images: readonly number[];
  readonly layers: Readonly<Record<string, { kind: string; values: number[][]; first: number[][] }>>;
  readonly output: readonly number[][];
}

const IMAGES = 5;
const PROGRAM = readFileSync(new URL('./torch_networks.py', import.meta.url), 'utf8');

type Options = { fold?: boolean; batch?: number; half?: 'input' | 'inside' };
type Case = readonly [network: string, opset: number, options: Options];
const CASES: readonly Case[] = [
  ['plain', 9, {}],
  ['plain', 17, {}],
  ['plain', 13, { batch: 1 }],
  ['norms', 11, {}],
  ['norms', 16, { batch: 2 }],
  ['convnext', 14, {}],
  ['convnext', 17, { batch: 1 }],
  ['mobilenet', 13, {}],
  ['densenet', 12, { batch: 4 }],
  ['vit', 13, {}],
  ['vit', 17, {}],
  ['vit', 16, { batch: 2 }],
  ['swin', 16, {}],
  ['swin', 13, { batch: 1 }],
  ['plain', 13, { half: 'input' }],
  ['norms', 16, { half: 'inside' }],
  ['convnext', 17, { half: 'input' }],
  ['vit', 13, { half: 'inside' }],
];
const FOLDED: Case = ['plain', 13, { fold: true }];

async function activationsOf({ file, images }: Seen, most = IMAGES, tokens: 'mean' | 'cls' = 'mean') {
  const network = await openNetwork(file, {
    layers: ['all'],
    tokens,
    output: 'auto',
    preprocess: { range: [-1, 1] },
  });
  const { layers, batch = most } = network;
  const values = new Map<string, number[]>(layers.map(({ name }) => [name, []]));
  const logits: number[] = [];
  const size = images.length / IMAGES;
  for (let first = 0; first < IMAGES; first += batch) {
    const count = Math.min(batch, IMAGES - first);
    const pixels = Uint8Array.from(images.slice(first * size, (first + count) * size));
    const results = await network.run(pixels, count);
    results.activations.forEach((part, i) => {
      values.get(layers[i]!.name)!.push(...part);
    });
    logits.push(...(results.output ?? []));
  }
  await network.close();
  return { layers, values, logits };
}

function expectClose(
  actual: readonly number[],
  expected: readonly number[],
  what: string,
  tolerance = 1e-5,
): void {
  expect(actual.length, what).toBe(expected.length);
  const largest = Math.max(...expected.map(Math.abs));
  const off = Math.max(...expected.map((value, i) => Math.abs(value - actual[i]!)));
  expect(off / largest, what).toBeLessThan(tolerance);
}

describe.skipIf(!python)(`activations agree with PyTorch's (${INSTALL})`, () => {
  const where = folder();
  let seen: Seen[] = [];
  beforeAll(() => {
    seen = runPython<Seen[]>(python!, PROGRAM, { folder: where, wanted: [...CASES, FOLDED] });
  });

  it.each(CASES.map((given, index) => ({ name: given[0], opset: given[1], options: given[2], index })))(
    '$name, opset $opset, $options',
    async ({ index, options }) => {
      // float16 has 11 binary digits, and what is lost adds up from layer to layer.
      const tolerance = options.half ? 2e-3 : 1e-5;
      const expected = seen[index]!;
      const { layers, values, logits } = await activationsOf(expected);
      const types = new Map(layers.map(({ name, type }) => [name, type]));
      for (const [name, { kind, values: rows }] of Object.entries(expected.layers)) {
        expect(types.get(name), name).toBe(kind);
        expectClose(values.get(name)!, rows.flat(), name, tolerance);
      }
      // Inside attention PyTorch applies weights without a module that could be hooked.
      const unhooked = layers.map(({ name }) => name).filter((name) => !(name in expected.layers));
      for (const name of unhooked) expect(name).toMatch(/(in_proj|attn\.qkv|attn\.proj)$/);
      expectClose(logits, expected.output.flat(), 'logits', tolerance);
    },
  );

  it('those of the class token alone', async () => {
    for (const [index, [name, , options]] of CASES.entries()) {
      if (name !== 'vit') continue;
      const { values } = await activationsOf(seen[index]!, IMAGES, 'cls');
      for (const [layer, { first }] of Object.entries(seen[index]!.layers)) {
        expectClose(values.get(layer)!, first.flat(), layer, options.half ? 2e-3 : 1e-5);
      }
    }
  });

  it('the same, bit for bit, in batches of another size', async () => {
    for (const [index, given] of CASES.entries()) {
      if (given[2].batch || given[2].half || given[1] === 17) continue;
      const whole = await activationsOf(seen[index]!);
      for (const most of [1, 3]) expect(await activationsOf(seen[index]!, most)).toEqual(whole);
    }
  });

  it('a folded batch norm: the convolution puts out what the norm did, and says so', async () => {
    const expected = seen[CASES.length]!;
    const { layers, values } = await activationsOf(expected);
    expect(layers.filter(({ type }) => type === 'batch-norm').map(({ name }) => name)).toEqual(['norm']);
    expect(layers.filter(({ note }) => note).map(({ name }) => name)).toEqual(['features.0', 'features.4.0']);
    expectClose(values.get('features.0')!, expected.layers['features.1']!.values.flat(), 'features.0');
    expectClose(values.get('features.4.0')!, expected.layers['features.4.1']!.values.flat(), 'features.4.0');
    expectClose(values.get('features.3')!, expected.layers['features.3']!.values.flat(), 'features.3');
  });
});
