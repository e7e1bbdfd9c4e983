import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openNetwork } from '../../../vision/onnx/network.ts';
import { runPython } from '../../support/python.ts';

/** What is exported; see torchvision_networks.py. */
export interface Exported {
  readonly network: string;
  readonly exporter: 'torchscript' | 'dynamo';
  readonly opset: number;
  readonly size: number;
  readonly options: {
    readonly fold?: boolean;
    readonly initializers?: boolean;
    readonly fixed?: boolean;
    readonly untouched?: boolean;
    readonly cls?: boolean;
  };
}

/** What PyTorch's forward hooks saw. */
interface Seen {
  readonly layers: Readonly<Record<string, { kind: string; values: number[][] }>>;
  readonly output: readonly number[][];
}

/** How the layers that are found in the exported file compare with the modules. */
export interface Compared {
  readonly layers: number;
  readonly units: number;
  /** Largest difference of a layer's pooled activations, relative to the layer's largest. */
  readonly worst: number;
  /** What doesn't agree: names, types, activations off by more than 1e-4. */
  readonly problems: readonly string[];
}

const PROGRAM = readFileSync(new URL('./torchvision_networks.py', import.meta.url), 'utf8');
/** Weights that PyTorch applies without calling a module that could be hooked. */
const UNHOOKED = /(in_proj|attn\.qkv|attn\.proj|cpb_mlp.*)(#\d+)?$/;
const TOLERANCE = 1e-4;

/** Exports a network, runs it with all its layers pooled, and compares with PyTorch's hooks. */
export async function compareWithHooks(python: string, exported: Exported): Promise<Compared> {
  const folder = mkdtempSync(path.join(tmpdir(), 'mis-hooked-'));
  try {
    const seen = runPython<Seen>(python, PROGRAM, { folder, ...exported });
    const network = await openNetwork(path.join(folder, 'model.onnx'), {
      layers: ['all'],
      tokens: exported.options.cls ? 'cls' : 'mean',
      output: 'auto',
      preprocess: { range: [-1, 1] },
    });
    const { activations, output } = await network.run(readFileSync(path.join(folder, 'pixels')), 2);
    const problems: string[] = [];
    let worst = 0;
    const agree = (what: string, actual: ArrayLike<number>, expected: readonly number[]) => {
      const off = actual.length === expected.length ? difference(actual, expected) : Number.NaN;
      worst = Math.max(worst, off);
      if (!(off <= TOLERANCE)) problems.push(`${what} differs by ${off}`);
    };
    network.layers.forEach(({ name, type }, i) => {
      const module = seen.layers[name];
      if (!module && UNHOOKED.test(name)) return;
      if (!module) problems.push(`${name} (${type}) is no module`);
      else if (module.kind !== type) problems.push(`${name} is ${type}, the module ${module.kind}`);
      else agree(name, activations[i]!, module.values.flat());
    });
    const found = new Set(network.layers.map(({ name }) => name));
    for (const name of Object.keys(seen.layers)) if (!found.has(name)) problems.push(`${name} isn't found`);
    agree('the output', output ?? [], seen.output.flat());
    const { length } = network.layers;
    await network.close();
    return {
      layers: length,
      units: network.layers.reduce((sum, { units }) => sum + units, 0),
      worst,
      problems,
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function difference(actual: ArrayLike<number>, expected: readonly number[]): number {
  const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const off = expected.reduce((most, value, i) => Math.max(most, Math.abs(value - actual[i]!)), 0);
  return off / (largest || 1);
}
