import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { copyProject, type Project } from './project.ts';
import { readTar } from './tar.ts';

const CLASSES = ['airplane', 'automobile', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck'];

export interface SmallProject extends Project {
  /** The config's file, and the arguments that name it: `project.run(...project.config)`. */
  readonly config: readonly ['-c', string];
  /** Folder of the images, relative to the project. */
  readonly images: string;
}

/**
 * A copy of the repository with `small/`: a config that runs everything in some seconds. `perClass` demo images in a
 * folder a class, the named demo models, 5 tasks a unit of 3 explanations a side, 3 shards.
 */
export async function smallProject({
  models = ['resnet'],
  perClass = 12,
}: {
  models?: readonly string[];
  perClass?: number;
} = {}): Promise<SmallProject> {
  const project = await copyProject();
  writeImages(project.path('demo/cifar10'), project.path('small/images'), perClass);
  mkdirSync(project.path('small/models'), { recursive: true });
  for (const model of models) addModel(project, model);
  project.write('small/config.yaml', config);
  return { ...project, config: ['-c', 'small/config.yaml'], images: 'small/images' };
}

/** Adds one of the demo's models to the small config, under its own or another name; without its directions. */
export function addModel(project: Project, model: string, name = model): void {
  const yaml = readFileSync(project.path('configs/models', `${model}.yaml`), 'utf8');
  const own = yaml.split('\n').slice(1);
  const kept = own.filter((line) => !/^(directions|checkpoint):/.test(line));
  project.write(`small/models/${name}.yaml`, kept.join('\n'));
}

const config = `dataset:
  path: images
  format: folder
  shards: 3
  orientation: apply
  on-error: stop
  classes: [${CLASSES.join(', ')}]
models:
  - models/*.yaml
encoders:
  - ../configs/encoders/simclr.yaml
task: { n: 5, k: 3, difficulty: easy, seed: 0 }
score: { alpha: 0.16, alpha-role: temperature, bootstrap: 100 }
report: { show-units: 2, bootstrap: 100 }
`;

/** The first images of every class in the demo's tars, as `CLASS/NUMBER.png`. */
export function writeImages(tars: string, folder: string, perClass: number): void {
  const counts = CLASSES.map(() => 0);
  for (const name of readdirSync(tars).sort()) {
    if (!name.endsWith('.tar')) continue;
    const members = new Map(readTar(readFileSync(join(tars, name))));
    for (const [member, bytes] of members) {
      if (!member.endsWith('.png')) continue;
      const label = Number(members.get(member.replace('.png', '.cls'))!.toString());
      if (counts[label]! >= perClass) continue;
      counts[label]!++;
      const file = join(folder, CLASSES[label]!, member);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, bytes);
    }
  }
}
