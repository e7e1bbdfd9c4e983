import type { Artifact, Store } from '../../cache/store.ts';
import { UserError } from '../../common/errors.ts';
import { canonicalJson, type Json } from '../../common/json.ts';
import { type DiffSpec, loadDiffStage } from '../spec/diff.ts';
import type { Pipeline, StageSpec } from '../spec/pipeline.ts';
import { codeReader } from './code.ts';
import { counted, type Document, FINGERPRINT_FORMAT, fingerprinter } from './document.ts';
import type { ReadyTask } from './task.ts';

/** The output that is compared, of the runs `a` and `b`. */
export interface Compared {
  readonly a: Artifact;
  readonly b: Artifact;
}

/**
 * The task that compares two runs' outputs: like a task of the graph it has a fingerprint, and its result is kept under
 * it. The stage's parameters are what the command knows of the runs.
 */
export async function diffTask(
  pipeline: Pipeline,
  diff: DiffSpec,
  params: Json,
  { a, b }: Compared,
  store: Store,
): Promise<{ task: ReadyTask; output: string }> {
  const { stage, output } = await loadDiffStage(diff);
  const checked = stage.params.safeParse(params);
  if (!checked.success)
    throw new UserError(
      `The stage ${diff.uses} doesn't take what "mis diff" tells it of the runs (${checked.error.issues[0]!.path.join('.')}: ${checked.error.issues[0]!.message}).`,
    );
  const code = await codeReader(pipeline.folder, store)(diff.entry);
  const fixed = {
    format: FINGERPRINT_FORMAT,
    stage: diff.uses,
    code: code.digest,
    params: counted(checked.data as Json, stage.uncounted),
    files: {},
    environment: stage.environment?.(checked.data) ?? {},
  };
  const inputs = { a: a.digest, b: b.digest };
  const document: Document = { ...fixed, inputs };
  const spec: StageSpec = {
    name: 'diff',
    place: diff.place,
    uses: diff.uses,
    entry: diff.entry,
    stage,
    loops: [],
    with: { kind: 'map', place: diff.place, entries: new Map() },
    needs: [],
  };
  const task: ReadyTask = {
    spec,
    vars: {},
    setting: '',
    impossible: [],
    fingerprint: fingerprinter(fixed)(canonicalJson(inputs)),
    document,
    code,
    files: {},
    params: checked.data as Json,
    places: {},
    origins: {},
    inputs: { a: [{ vars: {}, artifact: a }], b: [{ vars: {}, artifact: b }] },
    verify: async () => {
      const now = await codeReader(pipeline.folder, store)(diff.entry);
      if (now.digest !== code.digest)
        throw new UserError(
          `The code of ${diff.uses} changed while it ran, so its result isn't kept. Run again.`,
        );
    },
  };
  return { task, output };
}
