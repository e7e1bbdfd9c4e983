import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { bind } from '../../engine/spec/bind.ts';
import { loadConfig } from '../../engine/spec/config.ts';
import { descend, type Node, toJson } from '../../engine/spec/node.ts';
import { loadPipeline, type Pipeline } from '../../engine/spec/pipeline.ts';
import { configShape } from '../../engine/spec/shape.ts';
import { decode } from '../../vision/images/decode.ts';
import { listImages } from '../../vision/images/sources/index.ts';
import { inspectModel } from '../../vision/onnx/inspect.ts';
import { openNetwork } from '../../vision/onnx/network.ts';
import type { Case } from './case.ts';
import { type Item, type Kind, ROOT } from './corpus/index.ts';
import { OUTSIDE } from './corpus/models.ts';
import { readRecord, recordItems } from './records.ts';
import { readTable } from './tables.ts';
import { Wrong } from './wrong.ts';

/** Reads a case's bytes as the program would. Throws what the program throws, and a `Wrong` for a wrong result. */
export type Reader = (one: Case) => Promise<void>;

/** Readers for every kind of input, working in a folder of their own, and records for the corpus. */
export async function makeReaders(folder: string): Promise<{ read: Reader; records: Item[] }> {
  const project = join(folder, 'project');
  const pipeline = await makeProject(project);
  const { store, items } = await recordItems(join(folder, 'store'));
  const read: Reader = async (one) => {
    const { kind, name } = one.item;
    if (kind === 'config' || kind === 'pipeline') return readYaml(one, project, pipeline);
    if (kind === 'record') return readRecord(one, store);
    const file = join(folder, name);
    writeFileSync(file, one.bytes);
    try {
      if (kind === 'onnx') await readOnnx(file);
      else if (kind === 'tar') await readTar(file, one.bytes.length);
      else if (kind === 'image') await readImage(one);
      else await readTable(kind, file);
    } finally {
      rmSync(file, { force: true });
    }
  };
  writeFileSync(join(folder, 'weights.bin'), OUTSIDE);
  return { read, records: items };
}

async function makeProject(folder: string): Promise<Pipeline> {
  mkdirSync(folder, { recursive: true });
  cpSync(join(ROOT, 'configs'), join(folder, 'configs'), { recursive: true });
  cpSync(join(ROOT, 'pipeline.yaml'), join(folder, 'pipeline.yaml'));
  symlinkSync(join(ROOT, 'stages'), join(folder, 'stages'));
  symlinkSync(join(ROOT, 'demo'), join(folder, 'demo'));
  return loadPipeline(join(folder, 'pipeline.yaml'));
}

async function readYaml({ item, bytes }: Case, project: string, pipeline: Pipeline): Promise<void> {
  const file = join(project, item.name);
  const before = readFileSync(file);
  writeFileSync(file, bytes);
  try {
    const loaded = item.kind === 'pipeline' ? await loadPipeline(file) : pipeline;
    const config = loadConfig([join(project, 'configs', 'default.yaml')], [], configShape(loaded.stages));
    toJson(config);
    for (const spec of loaded.stages) {
      const variables = new Map<string, Node | undefined>();
      for (const { variable, over, list } of spec.loops) {
        const { node } = descend(config, over[0]!.paths[0]!);
        variables.set(variable, list ? undefined : node.kind === 'list' ? node.items[0] : undefined);
      }
      await bind(spec, { config, variables });
    }
  } finally {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, before);
  }
}

async function readOnnx(file: string): Promise<void> {
  await inspectModel(file);
  const preprocess = { mean: 0.5, std: 0.25 };
  const options = { layers: ['all'], tokens: 'mean', output: 'auto', preprocess } as const;
  const network = await openNetwork(file, options);
  const [height, width] = network.preprocess.size;
  const count = network.batch ?? 2;
  const { activations } = await network.run(new Uint8Array(count * height * width * 3).fill(99), count);
  await network.close();
  activations.forEach((values, i) => {
    if (values.length !== count * network.layers[i]!.units) throw new Wrong('activations of another length');
  });
}

async function readTar(file: string, size: number): Promise<void> {
  for await (const { path, offset, bytes = -1 } of listImages([file], {
    format: 'webdataset',
    columns: {},
  })) {
    if (offset < 0 || bytes < 0 || offset + bytes > size) throw new Wrong(`${path} lies outside the tar`);
    if (path.split('/').includes('..')) throw new Wrong(`${path} climbs out`);
  }
}

async function readImage({ item, bytes, number }: Case): Promise<void> {
  const { data, width, height } = await decode(bytes, item.name, number % 2 === 0 ? 'apply' : 'ignore');
  if (data.length !== width * height * 3 || data.length === 0)
    throw new Wrong(`${data.length} bytes for ${width} × ${height}`);
}

/** Whether an error that a reader threw is one that is promised. */
export function isPromised(error: unknown, kind: Kind, name: string): boolean {
  if (!(error instanceof Error) || error instanceof Wrong) return false;
  if (error.name === 'UserError') return !/\bundefined\b|\[object /.test(error.message);
  const table = !['config', 'pipeline', 'onnx', 'tar', 'image', 'record'].includes(kind);
  return table && error.constructor === Error && error.message.includes(name);
}
