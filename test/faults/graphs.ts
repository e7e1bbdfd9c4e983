import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** A pipeline in a folder of its own, and where it publishes: what a campaign of faults runs again and again. */
export interface Graph {
  readonly name: string;
  /** Where the command line is started. */
  readonly dir: string;
  /** Arguments of `mis run` beside the store. */
  readonly args: readonly string[];
  /** Folder that the last stage is published to. */
  readonly published: string;
}

const WORDS = 'a be see four taste kidney horizon sunlight adventure blackberry'.split(' ');

/**
 * The toy pipeline of the engine's tests with a published folder at its end: 17 tasks of a few milliseconds each, so that
 * a kill has many places to fall on.
 */
export function toyGraph(dir: string): Graph {
  cpSync(join(ROOT, 'test', 'fixtures', 'toy'), dir, { recursive: true });
  cpSync(join(ROOT, 'test', 'faults', 'book'), join(dir, 'stages', 'book'), { recursive: true });
  for (const stage of readdirSync(join(dir, 'stages'))) {
    const path = join(dir, 'stages', stage, 'index.ts');
    writeFileSync(path, readFileSync(path, 'utf8').replace(/'[./]*\/engine\//, "'../../engine/"));
  }
  for (const name of ['node_modules', 'engine', 'common']) symlinkSync(join(ROOT, name), join(dir, name));
  writeFileSync(join(dir, 'package.json'), '{"type":"module"}');
  writeFileSync(join(dir, 'text.txt'), `${WORDS.join(' ')} `.repeat(300));
  const pipeline = join(dir, 'pipeline.yaml');
  const book = `  book:
    uses: ./stages/book
    with:
      title: ${'${title}'}
    needs:
      texts: ${'${join.joined}'}
    publish:
      output: book
      to: ./book
`;
  writeFileSync(pipeline, `${readFileSync(pipeline, 'utf8')}${book}`);
  const config = join(dir, 'configs', 'default.yaml');
  writeFileSync(
    config,
    `${readFileSync(config, 'utf8').replace('parts: 3', 'parts: 6')}title: a toy's book\n`,
  );
  return { name: 'toy', dir, args: ['-j', '2'], published: join(dir, 'book') };
}

const PREPROCESS = `preprocess:
  mean: [0.4914, 0.4822, 0.4465]
  std: [0.2470, 0.2435, 0.2616]
`;

/** The real pipeline, small: one network and the encoder of the demonstration, 200 images, two shards. */
export function studyGraph(dir: string): Graph {
  const images = join(dir, 'images');
  const members = join(dir, 'members');
  for (const folder of [images, members, join(dir, 'configs')]) mkdirSync(folder, { recursive: true });
  execFileSync('tar', ['-xf', join(ROOT, 'demo', 'cifar10', 'cifar10-test-00000.tar'), '-C', members]);
  const pictures = readdirSync(members).filter((name) => name.endsWith('.png'));
  for (const picture of pictures.sort().slice(0, 200)) {
    const label = readFileSync(join(members, picture.replace('.png', '.cls')), 'utf8').trim();
    mkdirSync(join(images, label), { recursive: true });
    copyFileSync(join(members, picture), join(images, label, picture));
  }
  rmSync(members, { recursive: true });
  const demo = join(ROOT, 'demo');
  writeFileSync(join(dir, 'vgg.yaml'), `model: ${demo}/models/vgg.onnx\nlayers: [conv]\n${PREPROCESS}`);
  writeFileSync(
    join(dir, 'encoder.yaml'),
    `model: ${demo}/encoders/encoder.onnx\nsimilarity: cosine\n${PREPROCESS}`,
  );
  writeFileSync(
    join(dir, 'config.yaml'),
    `dataset: { path: images, shards: 2 }
models: [vgg.yaml]
encoders: [encoder.yaml]
task: { n: 3, k: 2, difficulty: easy, seed: 0 }
score: { alpha: 0.16, alpha-role: temperature, bootstrap: 100 }
report: { title: A small study, bootstrap: 100, show-units: 4 }
`,
  );
  const args = ['-j', '2', '-c', 'config.yaml', '-p', join(ROOT, 'pipeline.yaml')];
  return { name: 'study', dir, args, published: join(dir, 'report') };
}
