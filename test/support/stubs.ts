import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Project } from './project.ts';
import { writeImages } from './small.ts';

/**
 * Gives a project a stub of every file that its configs name and that isn't part of the repository: a network of the
 * demo for each model and encoder, a few of the demo's images as `data/imagenet/{train,val}`.
 */
export function writeStubs(project: Project): void {
  const stub = readFileSync(project.path('demo/models/vgg.onnx'));
  const files = readdirSync(project.path('configs'), { recursive: true, encoding: 'utf8' });
  for (const file of files.filter((name) => name.endsWith('.yaml'))) {
    for (const [, path] of project.read(join('configs', file)).matchAll(/^model: (\S+)$/gm)) {
      const model = join('configs', file, '..', path!);
      if (!existsSync(project.path(model))) project.write(model, stub);
    }
  }
  for (const split of ['train', 'val'])
    writeImages(project.path('demo/cifar10'), project.path('data/imagenet', split), 2);
}
