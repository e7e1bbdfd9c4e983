import { UserError } from '../../common/errors.ts';
import type { StageSpec } from '../spec/pipeline.ts';
import { errorAt } from '../spec/source.ts';
import type { Impossible } from '../stage.ts';
import type { Code } from './code.ts';
import type { Document, InputDigest, Vars } from './document.ts';
import type { Gathered } from './find-sources.ts';
import { inputDigest } from './inputs.ts';
import type { Prepared, PreparedStage } from './prepare.ts';
import { type ReadyTask, type Source, shownVars, taskName } from './task.ts';

/** The inputs that a task finds don't fit what its stage takes. */
export class Unfitting extends UserError {}

/** A task whose inputs are there, with its fingerprint. Throws {@link Unfitting}. */
export function readyTask(
  prepared: PreparedStage,
  vars: Vars,
  inputs: Readonly<Record<string, Gathered>>,
  impossible: readonly Impossible[],
): ReadyTask {
  const { spec } = prepared;
  const variant = prepared.variant(vars);
  const sources: Record<string, readonly Source[]> = {};
  for (const name of Object.keys(inputs)) sources[name] = inputs[name]!.sources;
  const texts: string[] = [];
  for (const [name, { take, counts }] of countedInputs(spec)) {
    const found = sources[name] ?? [];
    checkCount(prepared, vars, name, found);
    if (counts && found.length > 0) texts.push(`${JSON.stringify(name)}:${inputs[name]!.text(take)}`);
  }
  const lacking = impossible.length > 0 ? impossible : undefined;
  const fingerprint = variant.fingerprint(`{${texts.join(',')}}`, lacking);
  return new Ready(prepared, variant, vars, fingerprint, sources, impossible);
}

const order = new WeakMap<StageSpec, [string, { take: 'one' | 'each'; counts: boolean }][]>();

/** A stage's inputs by name, in the order of canonical JSON. */
function countedInputs(spec: StageSpec) {
  const known = order.get(spec);
  if (known) return known;
  const inputs = Object.entries(spec.stage.inputs ?? {}).map(
    ([name, { take, counts }]): [string, { take: 'one' | 'each'; counts: boolean }] => [
      name,
      { take, counts: counts !== false },
    ],
  );
  inputs.sort(([a], [b]) => (a < b ? -1 : 1));
  order.set(spec, inputs);
  return inputs;
}

/**
 * A class, since a graph may have a million of them: of a task that is found in the store nothing is asked but its
 * fingerprint, and what follows from the rest isn't made before somebody asks.
 */
class Ready implements ReadyTask {
  readonly fingerprint: string;
  readonly inputs: ReadyTask['inputs'];
  readonly impossible: readonly Impossible[];
  private readonly prepared: PreparedStage;
  private readonly variant: Prepared;
  private readonly plain: Vars;

  constructor(
    prepared: PreparedStage,
    variant: Prepared,
    plain: Vars,
    fingerprint: string,
    inputs: ReadyTask['inputs'],
    impossible: readonly Impossible[],
  ) {
    this.prepared = prepared;
    this.variant = variant;
    this.plain = plain;
    this.fingerprint = fingerprint;
    this.inputs = inputs;
    this.impossible = impossible;
  }

  get spec(): StageSpec {
    return this.prepared.spec;
  }
  get setting(): string {
    return this.prepared.setting;
  }
  get vars(): Vars {
    return shownVars(this.plain, this.setting);
  }
  get document(): Document {
    const digests: Record<string, InputDigest> = {};
    for (const [name, { take, counts }] of Object.entries(this.spec.stage.inputs ?? {})) {
      const found = this.inputs[name] ?? [];
      if (counts !== false && found.length > 0) digests[name] = inputDigest(take, found, this.plain);
    }
    return {
      ...this.variant.fixed,
      inputs: digests,
      ...(this.impossible.length > 0 && { impossible: this.impossible }),
    };
  }
  get code(): Code {
    return this.variant.code;
  }
  get files(): ReadyTask['files'] {
    return Object.fromEntries([...this.variant.bound.files].map(([name, file]) => [name, file.paths]));
  }
  get origins(): ReadyTask['origins'] {
    return this.variant.bound.origins;
  }
  verify(): Promise<void> {
    return this.variant.verify();
  }
}

function checkCount({ spec, setting }: PreparedStage, vars: Vars, name: string, found: readonly Source[]) {
  const { take, optional } = spec.stage.inputs![name]!;
  if (take === 'one' && found.length > 1) {
    const needs = spec.needs.filter((each) => each.input === name);
    const from = needs.map(({ stage }) => stage).join(' and ');
    const verb = needs.length > 1 ? 'put' : 'puts';
    const hint = spec.vary
      ? 'What a setting changes is taken as "each".'
      : 'Add the missing variable to foreach.';
    throw unfitting(
      errorAt(
        needs[0]!.place,
        `stage ${spec.name} takes one "${name}", but ${from} ${verb} out ${found.length} for it`,
        hint,
      ),
    );
  }
  if (found.length === 0 && !optional) {
    throw unfitting(
      errorAt(
        spec.place,
        `${taskName(spec.name, shownVars(vars, setting))} finds no "${name}" among the outputs of the stages that it needs`,
      ),
    );
  }
}

const unfitting = ({ message }: UserError): Unfitting => new Unfitting(message);
