import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** How large a graph is: models × shards activation tasks, and what belongs to them. */
export interface Shape {
  readonly models: number;
  readonly shards: number;
}

/** `m0007`, `s042`: sorted as the numbers are. */
export const modelNames = ({ models }: Shape): string[] =>
  Array.from({ length: models }, (_, i) => `m${String(i).padStart(4, '0')}`);
export const shardNames = ({ shards }: Shape): string[] =>
  Array.from({ length: shards }, (_, i) => `s${String(i).padStart(3, '0')}`);

/** The smallest bytes that are an ONNX file (version 8 of the format), told apart by who made it. */
const onnxFile = (name: string): Buffer =>
  Buffer.concat([Buffer.from([8, 8, 0x12, name.length]), Buffer.from(name), Buffer.from([0x3a, 0])]);

const PREPROCESS = 'preprocess:\n  mean: [0.485, 0.456, 0.406]\n  std: [0.229, 0.224, 0.225]\n';

/**
 * Writes a config for the program's own pipeline into a folder: a YAML file and an ONNX file for each model, one encoder,
 * a folder of images, two hours old. Returns the config's path.
 */
export function writeProject(dir: string, shape: Shape): string {
  const then = Date.now() / 1000 - 7200;
  const write = (name: string, content: string | Buffer) => {
    writeFileSync(join(dir, name), content);
    utimesSync(join(dir, name), then, then);
  };
  for (const folder of ['models', 'images/class']) mkdirSync(join(dir, folder), { recursive: true });
  write('images/class/one.png', 'not read: the index is in the store');
  for (const name of modelNames(shape)) {
    write(`models/${name}.onnx`, onnxFile(name));
    write(`models/${name}.yaml`, `model: ${name}.onnx\nlayers: [conv, linear]\n${PREPROCESS}`);
  }
  write('encoder.onnx', onnxFile('encoder'));
  write('encoder.yaml', `model: encoder.onnx\nsimilarity: cosine\n${PREPROCESS}`);
  write(
    'config.yaml',
    [
      `dataset: { path: images, shards: ${shape.shards} }`,
      'models: [models/*.yaml]',
      'encoders: [encoder.yaml]',
      'task: { n: 20, k: 9, difficulty: easy, seed: 0 }',
      'score: { alpha: 0.16 }',
      '',
    ].join('\n'),
  );
  return join(dir, 'config.yaml');
}
