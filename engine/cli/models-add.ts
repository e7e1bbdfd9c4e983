import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { parse } from 'yaml';
import { type Fetched, fetchSource } from '../../cache/sources/fetch.ts';
import { parseSource, type Source, sourceText } from '../../cache/sources/source.ts';
import { isUserError, UserError } from '../../common/errors.ts';
import { fromTimm, fromTransformers } from '../../vision/images/foreign-config.ts';
import type { Preprocess } from '../../vision/images/preprocess-spec.ts';
import type { Inspection } from '../../vision/onnx/inspect.ts';
import type { Metadata } from '../../vision/onnx/metadata.ts';
import { onProgress } from '../ui/download.ts';
import { describeOrigin, encoderYaml, modelYaml, type Prepared } from './models-yaml.ts';

export interface AddOptions {
  readonly name?: string;
  readonly into?: string;
  /** `preprocess` as YAML in one line: `mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5]`. */
  readonly preprocess?: string;
  readonly force?: boolean;
}

/**
 * `mis models add SOURCE`: brings the file here if it is elsewhere, looks into it, proposes layers and preprocessing, runs
 * one batch of noise as a check, and writes the model's YAML.
 */
export async function add(text: string, options: AddOptions): Promise<number> {
  const source = parseSource(text);
  const fetched = await fetchSource(text, { unverified: true, warn: say, ...onProgress(process.stderr) });
  const file = fetched?.path ?? resolve(text);
  const { readMetadata } = await import('../../vision/onnx/metadata.ts');
  const about = await readMetadata(file);
  const isEncoder = about.similarity !== undefined;
  const folder = resolve(options.into ?? join('configs', isEncoder ? 'encoders' : 'models'));
  const name = options.name ?? nameOf(text, source);
  const target = join(folder, `${name}.yaml`);
  if (existsSync(target) && !options.force) {
    throw new UserError(`${shown(target)} exists already. Give another --name, or --force to write it anew.`);
  }
  const prepared = await preparation(text, source, file, about, options);
  const { inspectModel } = await import('../../vision/onnx/inspect.ts');
  const model = await inspectModel(file);
  const tried =
    about.similarity === 'pairwise' ? [] : await runOneBatch(file, model, prepared.preprocess, isEncoder);
  const place = fetched ? sourceText(fetched.pinned) : relative(folder, file).split('\\').join('/');
  const origin = describeOrigin(about, text);
  const yaml = isEncoder
    ? encoderYaml(place, origin, about, prepared)
    : modelYaml(place, origin, prepared, model);
  await mkdir(folder, { recursive: true });
  await writeFile(target, yaml);
  process.stdout.write(`${yaml}\n`);
  for (const line of tried) say(line);
  say(`Written: ${shown(target)}`);
  return 0;
}

const say = (line: string): void => void process.stderr.write(`${line}\n`);
const shown = (path: string): string => relative(process.cwd(), path) || '.';

/** The file's name, or the repository's where all files have the same. */
function nameOf(text: string, source: Source | undefined): string {
  const path =
    source === undefined ? text : source.kind === 'https' ? new URL(source.url).pathname : source.path;
  const stem = basename(path).replace(/\.onnx$/, '');
  const general = /^(model|encoder|network|net|vision_model|image_encoder)(_\w+)?$/.test(stem);
  const name = general && source?.kind === 'hf' ? source.repository.split('/')[1]! : stem;
  return name.replace(/[^A-Za-z0-9._-]+/g, '-');
}

/** How images are prepared: as the person says, the file's own metadata, or the configs of timm and transformers beside it. */
async function preparation(
  text: string,
  source: Source | undefined,
  file: string,
  about: Metadata,
  options: AddOptions,
): Promise<Prepared> {
  if (options.preprocess !== undefined) {
    const { preprocessSchema } = await import('../../vision/images/preprocess-spec.ts');
    const given = preprocessSchema.safeParse(parse(`{${options.preprocess.replace(/^\{|\}$/g, '')}}`));
    if (given.success) return { preprocess: given.data, from: 'given with --preprocess' };
    const { path, message } = given.error.issues[0]!;
    throw new UserError(
      `--preprocess: ${[path.join('.'), message].filter(Boolean).join(': ')}. It takes the keys of \`preprocess\`, such as --preprocess "size: 224, mean: [0.5, 0.5, 0.5]".`,
    );
  }
  if (about.preprocess) return { preprocess: about.preprocess, from: 'from the metadata of the file' };
  for (const [name, read] of [
    ['preprocessor_config.json', fromTransformers],
    ['config.json', fromTimm],
  ] as const) {
    const found = read(await jsonBeside(source, file, name));
    if (found) return { preprocess: found, from: `from ${name}` };
  }
  throw new UserError(
    `It can't be told how images are prepared for ${text}: the file has no metadata about it, and there is no preprocessor_config.json (transformers) or config.json (timm) beside it. Say it with --preprocess "size: …, resize: …, interpolation: …, mean: [r, g, b], std: [r, g, b]" (\`range\` and \`channel-order\` too where they aren't [0, 1] and rgb), or with --preprocess "preset: imagenet" for torchvision's usual one.`,
  );
}

/** A JSON file in the model's folder, or the one above it (repositories keep ONNX files in a folder of their own). */
async function jsonBeside(source: Source | undefined, file: string, name: string): Promise<unknown> {
  const folders =
    source?.kind === 'hf' ? [dirname(source.path), '.'] : [dirname(file), dirname(dirname(file))];
  for (const folder of folders) {
    const path = join(folder, name);
    if (source?.kind !== 'hf') {
      const content = await readFile(path, 'utf8').catch(() => undefined);
      if (content !== undefined) return json(content);
      continue;
    }
    const found = await fetchSource(sourceText({ ...source, path })).catch(
      (error: unknown): Fetched | undefined => {
        if (isUserError(error)) return undefined;
        throw error;
      },
    );
    if (found) return json(await readFile(found.path, 'utf8'));
  }
  return undefined;
}

function json(content: string): unknown {
  try {
    return JSON.parse(content);
  } catch {
    return undefined;
  }
}

/** Runs noise through the network, as a run would images; tells what came out. */
async function runOneBatch(
  file: string,
  model: Inspection,
  preprocess: Preprocess,
  isEncoder: boolean,
): Promise<string[]> {
  const { openNetwork } = await import('../../vision/onnx/network.ts');
  const { noise } = await import('../../vision/onnx/probe.ts');
  const layers = isEncoder || model.layers.length === 0 ? [] : ['all'];
  const network = await openNetwork(file, {
    layers,
    tokens: 'mean',
    output: 'auto',
    outputNeeded: isEncoder,
    preprocess,
  });
  try {
    const [height, width] = network.preprocess.size;
    const count = network.batch ?? 4;
    const began = performance.now();
    const { activations } = await network.run(noise(count * height * width * 3), count);
    const ms = (performance.now() - began) / count;
    const broken = network.layers.filter((_, i) => activations[i]!.some((value) => !Number.isFinite(value)));
    const units = network.layers.reduce((sum, layer) => sum + layer.units, 0);
    return [
      `Tried on ${count} images of noise, ${height} × ${width} pixels: ${network.layers.length} layers, ${units} units, ${ms.toFixed(0)} ms an image.`,
      ...(network.output
        ? [`Output "${network.output.name}": ${network.output.length} values an image.`]
        : []),
      ...(broken.length > 0 ? [`Not finite on noise: ${broken.map(({ name }) => name).join(', ')}.`] : []),
    ];
  } finally {
    await network.close();
  }
}
