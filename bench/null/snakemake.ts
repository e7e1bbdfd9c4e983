import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { modelNames, type Shape, shardNames } from './project.ts';

/** The rules of a Snakefile that stand for the stages of the program's own pipeline, with the same tasks and inputs. */
const RULES = `
rule report:
    input: expand("score/{m}", m=MODELS), expand("accuracy/{m}", m=MODELS)
    output: "report.txt"
    shell: "touch {output}"
rule index:
    output: expand("shards/{s}", s=SHARDS)
    shell: "touch {output}"
rule activations:
    input: "models/{model}.onnx", "shards/{shard}"
    output: "activations/{model}/{shard}", "predictions/{model}/{shard}"
    shell: "touch {output}"
rule select:
    input: expand("shards/{s}", s=SHARDS), expand("activations/{{model}}/{s}", s=SHARDS)
    output: "select/{model}"
    shell: "touch {output}"
rule embed:
    input: "encoder.onnx", "shards/{shard}"
    output: "embed/{shard}"
    shell: "touch {output}"
rule similarity:
    input: "select/{model}", expand("shards/{s}", s=SHARDS), expand("embed/{s}", s=SHARDS)
    output: "similarity/{model}"
    shell: "touch {output}"
rule score:
    input: "select/{model}", "similarity/{model}"
    output: "score/{model}"
    shell: "touch {output}"
rule accuracy:
    input: expand("shards/{s}", s=SHARDS), expand("predictions/{{model}}/{s}", s=SHARDS)
    output: "accuracy/{model}"
    shell: "touch {output}"
`;

/** Writes the Snakefile and every file of its graph into a folder, each newer than those that it is made of. */
export function writeSnakemakeProject(dir: string, shape: Shape): void {
  const [models, shards] = [modelNames(shape), shardNames(shape)];
  const begun = Date.now() / 1000 - 7200;
  const made = new Set<string>();
  const touch = (name: string, generation: number) => {
    const path = join(dir, name);
    if (!made.has(dirname(path))) mkdirSync(dirname(path), { recursive: true });
    made.add(dirname(path));
    writeFileSync(path, '');
    utimesSync(path, begun + 60 * generation, begun + 60 * generation);
  };
  const each = (names: readonly string[], pattern: (name: string) => string, generation: number) => {
    for (const name of names) touch(pattern(name), generation);
  };
  each(models, (model) => `models/${model}.onnx`, 0);
  touch('encoder.onnx', 0);
  each(shards, (shard) => `shards/${shard}`, 1);
  for (const kind of ['activations', 'predictions'])
    for (const model of models) each(shards, (shard) => `${kind}/${model}/${shard}`, 2);
  each(shards, (shard) => `embed/${shard}`, 2);
  for (const kind of ['select', 'accuracy']) each(models, (model) => `${kind}/${model}`, 3);
  each(models, (model) => `similarity/${model}`, 4);
  each(models, (model) => `score/${model}`, 5);
  touch('report.txt', 6);
  const list = (names: readonly string[]) => JSON.stringify(names);
  writeFileSync(join(dir, 'Snakefile'), `MODELS = ${list(models)}\nSHARDS = ${list(shards)}\n${RULES}`);
}
