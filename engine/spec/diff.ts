import { resolve } from 'node:path';
import { z } from 'zod';
import type { Stage } from '../stage.ts';
import { loadStage } from './load-stage.ts';
import { suggestion } from './nearest.ts';
import type { Node } from './node.ts';
import type { StageSpec } from './pipeline.ts';
import { referenceIn } from './reference.ts';
import { errorAt, type Place } from './source.ts';

/** Schema of `diff` in `pipeline.yaml`: how `mis diff` compares what two runs put out. */
export const DIFF = z
  .strictObject({
    uses: z.string().describe('Folder of a stage that takes the inputs "a" and "b", relative to this file'),
    of: z
      .string()
      .regex(/^\$\{.*\}$/, 'a reference such as ${report.report}')
      .describe('The output of both runs that it takes: ${stage.output} of a stage without foreach'),
    to: z.string().describe('Folder that "mis diff" copies its output to'),
    show: z.string().optional().describe('File in it that "mis diff" prints'),
    json: z.string().optional().describe('JSON file in it that is a part of what "mis diff --json" prints'),
  })
  .describe('What "mis diff" compares two runs with');

/** How two runs are compared. The stage isn't loaded yet: only `mis diff` needs it. */
export interface DiffSpec {
  readonly place: Place;
  /** Folder of the stage, relative to pipeline.yaml, as the fingerprint names it. */
  readonly uses: string;
  /** Absolute path of its index.ts. */
  readonly entry: string;
  /** The stage of a run, and its output, that are compared. */
  readonly of: { readonly stage: string; readonly output: string };
  readonly to: string;
  readonly show?: string;
  readonly json?: string;
}

/** The entry `diff` of a pipeline, checked against its stages. */
export function diffOf(
  node: Node | undefined,
  raw: z.infer<typeof DIFF> | undefined,
  folder: string,
  stages: readonly StageSpec[],
): DiffSpec | undefined {
  if (node?.kind !== 'map' || !raw) return undefined;
  const { key, value } = node.entries.get('of')!;
  const [path = [], ...more] = referenceIn(value)!.paths;
  const [name = '', output = '', ...rest] = path;
  const source = stages.find((each) => each.name === name);
  if (!source)
    throw errorAt(
      value.place,
      `there is no stage "${name}"`,
      suggestion(
        name,
        stages.map((each) => each.name),
      ),
    );
  if (more.length + rest.length > 0 || !source.stage.outputs[output])
    throw errorAt(
      value.place,
      `stage ${name} puts out no "${[output, ...rest].join('.')}"`,
      suggestion(output, Object.keys(source.stage.outputs)),
    );
  if (source.loops.length > 0)
    throw errorAt(
      value.place,
      `stage ${name} has a task for each ${source.loops[0]!.variable}, so a run has no one "${output}" of it`,
      'Name a stage without foreach.',
    );
  return {
    place: key,
    uses: raw.uses.replace(/^\.\//, ''),
    entry: resolve(folder, raw.uses, 'index.ts'),
    of: { stage: name, output },
    to: raw.to,
    ...(raw.show && { show: raw.show }),
    ...(raw.json && { json: raw.json }),
  };
}

/** Loads the stage that compares. UserError: it can't be loaded, or isn't one that takes `a` and `b`. */
export async function loadDiffStage(spec: DiffSpec): Promise<{ stage: Stage; output: string }> {
  const stage = await loadStage(spec.entry, spec.uses, spec.place);
  const inputs = Object.keys(stage.inputs ?? {}).sort();
  const folders = Object.keys(stage.outputs).filter((name) => stage.outputs[name]!.kind === 'folder');
  if (inputs.join() !== 'a,b' || folders.length !== 1)
    throw errorAt(
      spec.place,
      `stage ${spec.uses} can't compare: it must take the inputs "a" and "b" and put out one folder`,
    );
  return { stage, output: folders[0]! };
}
