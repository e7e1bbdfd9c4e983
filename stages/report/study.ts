import { readFile } from 'node:fs/promises';
import type { Received, Task } from '../../engine/stage.ts';
import type { Checkpoint } from '../../figures/figure.ts';
import { readUnits } from '../../tables/scores.ts';
import type { Accuracy, Subject } from './aggregate.ts';
import type { Params } from './index.ts';

/** Everything that was scored: the zoo, and the states of training runs that don't belong to it. */
export interface Study {
  /** Names of the encoders, the main one first. */
  readonly encoders: readonly string[];
  /** Sorted by encoder, then model. */
  readonly zoo: readonly Subject[];
  readonly states: readonly Subject[];
  readonly accuracies: ReadonlyMap<string, Accuracy>;
  /** Which models are states of which run, those of the zoo too; by run and epoch. */
  readonly checkpoints: readonly Checkpoint[];
}

/** Reads the scores of every model under every encoder, and what the models are. */
export async function readStudy(task: Task<Params>): Promise<Study> {
  const subjects: Subject[] = [];
  for (const { path, vars } of task.inputs('units')) {
    task.check();
    const [model, encoder] = [nameOf(vars, 'model'), nameOf(vars, 'encoder')];
    subjects.push({ model, encoder, units: await readUnits(path) });
  }
  const accuracies = await readAccuracies(task.inputs('accuracy'));
  const inZoo = zooOf(task.inputs('zoo'));
  const encoders = inOrder(
    subjects.map(({ encoder }) => encoder),
    task.params.encoders,
  );
  subjects.sort(
    (a, b) => encoders.indexOf(a.encoder) - encoders.indexOf(b.encoder) || compare(a.model, b.model),
  );
  return {
    encoders,
    zoo: subjects.filter(({ model }) => inZoo(model)),
    states: subjects.filter(({ model }) => !inZoo(model)),
    accuracies,
    checkpoints: [...accuracies]
      .flatMap(([model, { checkpoint }]) => (checkpoint ? [{ model, ...checkpoint }] : []))
      .sort((a, b) => compare(a.run, b.run) || a.epoch - b.epoch || compare(a.model, b.model)),
  };
}

/** Whether a model belongs to the zoo: it is among the elements of this input, or nothing tells the zoo from the rest. */
function zooOf(inputs: readonly Received[]): (model: string) => boolean {
  const names = new Set(inputs.map(({ vars }) => nameOf(vars, 'model')));
  return (model) => names.size === 0 || names.has(model);
}

/** A foreach variable; a pipeline without the list has one nameless element. */
export function nameOf(vars: Readonly<Record<string, string>>, name: string): string {
  return vars[name] ?? name;
}

export function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Distinct names: those of `first` in that order, then the others by name. */
function inOrder(names: readonly string[], first: readonly string[]): string[] {
  const all = new Set(names);
  return [...first.filter((name) => all.has(name)), ...[...all].filter((n) => !first.includes(n)).sort()];
}

type Told = Accuracy & { readonly checkpoint?: { readonly run: string; readonly epoch: number } };

async function readAccuracies(inputs: readonly Received[]): Promise<Map<string, Told>> {
  const read = inputs.map(async ({ path, vars }) => {
    const { top1, top5, checkpoint } = JSON.parse(await readFile(path, 'utf8')) as Told;
    return [nameOf(vars, 'model'), { top1, top5, ...(checkpoint && { checkpoint }) }] as const;
  });
  return new Map(await Promise.all(read));
}
