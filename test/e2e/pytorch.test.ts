import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { temporaryFolder } from '../support/fake-task.ts';
import { pythonWith, runPython } from '../support/python.ts';
import { type SmallProject, smallProject } from '../support/small.ts';
import { storedRows, type Vectors } from '../support/stored.ts';

const python = pythonWith('torch', 'numpy', 'PIL', 'onnx');
const LIMIT = 1e-4;

interface Element {
  readonly name: string;
  readonly model: string;
  readonly preprocess: { readonly mean: number[]; readonly std: number[] };
}

type Answer = Record<string, { layers: Record<string, number>; missing: string[]; embedding: number | null }>;

describe.skipIf(!python)(
  `PyTorch (apt-get install python3-torch python3-numpy python3-pil python3-onnx)`,
  { timeout: 120_000 },
  () => {
    let project: SmallProject;
    let models: string[];
    let answer: Answer;

    beforeAll(async () => {
      const all = readdirSync(join(import.meta.dirname, '../../configs/models'));
      models = all
        .filter((file) => file.endsWith('.yaml'))
        .map((file) => basename(file, '.yaml'))
        .sort();
      project = await smallProject({ models, perClass: 12 });
      expect((await project.run('cache-activations', 'embed-images', ...project.config)).end.failed).toBe(0);
      answer = runPython<Answer>(python!, readFileSync(new URL('pytorch.py', import.meta.url), 'utf8'), {
        demo: project.path('demo'),
        ...(await question()),
      });
    }, 240_000);

    /** What is stored, as raw files for the other program. */
    async function question() {
      const folder = temporaryFolder();
      const raw = (name: string, { values }: Vectors) => {
        const file = join(folder, `${name}.f32`);
        writeFileSync(file, values);
        return file;
      };
      const config = JSON.parse((await project.mis('config', '--json', ...project.config)).stdout) as {
        models: Element[];
        encoders: Element[];
      };
      const networks = [];
      const paths = new Set<string>();
      for (const { name, model, preprocess } of config.models) {
        const stored = await storedRows(
          project,
          project.config,
          ['cache-activations', 'activations'],
          `model=${name}`,
        );
        const layers = [...stored.vectors].map(([layer, vectors]) => [
          layer,
          raw(`${name}-${layer}`, vectors),
        ]);
        networks.push({
          name,
          onnx: model,
          ...preprocess,
          embedding: null,
          layers: Object.fromEntries(layers),
        });
        paths.add(stored.paths.join('\n'));
      }
      for (const { name, model, preprocess } of config.encoders) {
        const stored = await storedRows(
          project,
          project.config,
          ['embed-images', 'embeddings'],
          `encoder=${name}`,
        );
        const embedding = raw(name, stored.vectors.get('embedding')!);
        networks.push({ name: basename(model, '.onnx'), onnx: model, ...preprocess, embedding, layers: {} });
        paths.add(stored.paths.join('\n'));
      }
      expect(paths.size).toBe(1);
      const images = [...paths][0]!.split('\n').map((path) => project.path(project.images, path));
      return { images, networks };
    }

    test('has the same layers: every convolution, norm and linear layer, under the name of its module', () => {
      expect(models.length).toBeGreaterThanOrEqual(2);
      for (const model of models) {
        expect(answer[model]!.missing, model).toEqual([]);
        expect(Object.keys(answer[model]!.layers).length, model).toBeGreaterThan(5);
      }
    });

    test('has the same activations: spatial means of forward hooks', () => {
      for (const model of models)
        for (const [layer, error] of Object.entries(answer[model]!.layers))
          expect(error, `${model} ${layer}`).toBeLessThanOrEqual(LIMIT);
    });

    test('has the same embeddings', () => {
      const errors = Object.values(answer).flatMap(({ embedding }) =>
        embedding === null ? [] : [embedding],
      );
      expect(errors).toHaveLength(1);
      for (const error of errors) expect(error).toBeLessThanOrEqual(LIMIT);
    });
  },
);
