import { UserError } from '../../common/errors.ts';
import type { StageSpec } from '../spec/pipeline.ts';
import { errorAt } from '../spec/source.ts';
import type { Impossible } from '../stage.ts';
import type { Code } from './code.ts';
import type { Document, InputDigest, Vars } from './document.ts';
import type { Inputs } from './find-sources.ts';
import { inputDigest } from './inputs.ts';
import type { Prepared, PreparedStage } from './prepare.ts';
import { type ReadyTask, shownVars, taskName } from './task.ts';

/** The inputs that a task finds don't fit what its stage takes. */
export class Unfitting extends UserError {}

/** A task whose inputs are there, with its fingerprint. Throws {@link Unfitting}. */
export function readyTask(
  prepared: PreparedStage,
  vars: Vars,
  inputs: Inputs,
  impossible: readonly Impossible[],
): ReadyTask {
  const variant = prepared.variant(vars);
  for (const name in prepared.spec.stage.inputs) checkCount(prepared, vars, name, inputs.counts[name] ?? 0);
  const fingerprint = variant.fingerprint(inputs.text(), impossible.length > 0 ? impossible : undefined);
  return new Ready(prepared, variant, vars, fingerprint, inputs, impossible);
}

/**
 * A class, since a graph may have a million of them: of a task that is found in the store nothing is asked but its
 * fingerprint, and what follows from the rest isn't made before somebody asks.
 */
class Ready implements ReadyTask {
  readonly fingerprint: string;
  readonly impossible: readonly Impossible[];
  private readonly found: Inputs;
  private readonly prepared: PreparedStage;
  private readonly variant: Prepared;
  private readonly plain: Vars;

  constructor(
    prepared: PreparedStage,
    variant: Prepared,
    plain: Vars,
    fingerprint: string,
    found: Inputs,
    impossible: readonly Impossible[],
  ) {
    this.prepared = prepared;
    this.variant = variant;
    this.plain = plain;
    this.fingerprint = fingerprint;
    this.found = found;
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
  get inputs(): ReadyTask['inputs'] {
    return this.found.sources();
  }
  get document(): Document {
    const { inputs } = this;
    const digests: Record<string, InputDigest> = {};
    for (const [name, { take, counts }] of Object.entries(this.spec.stage.inputs ?? {})) {
      const found = inputs[name] ?? [];
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
  get params(): ReadyTask['params'] {
    return this.variant.bound.params;
  }
  get places(): ReadyTask['places'] {
    return this.variant.bound.places;
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

function checkCount({ spec, setting }: PreparedStage, vars: Vars, name: string, count: number) {
  const { take, optional } = spec.stage.inputs![name]!;
  if (take === 'one' && count > 1) {
    const needs = spec.needs.filter((each) => each.input === name);
    const from = needs.map(({ stage }) => stage).join(' and ');
    const verb = needs.length > 1 ? 'put' : 'puts';
    const hint = spec.vary
      ? 'What a setting changes is taken as "each".'
      : 'Add the missing variable to foreach.';
    throw unfitting(
      errorAt(
        needs[0]!.place,
        `stage ${spec.name} takes one "${name}", but ${from} ${verb} out ${count} for it`,
        hint,
      ),
    );
  }
  if (count === 0 && !optional) {
    throw unfitting(
      errorAt(
        spec.place,
        `${taskName(spec.name, shownVars(vars, setting))} finds no "${name}" among the outputs of the stages that it needs`,
      ),
    );
  }
}

const unfitting = ({ message }: UserError): Unfitting => new Unfitting(message);
