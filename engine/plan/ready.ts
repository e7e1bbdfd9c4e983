import { UserError } from '../../common/errors.ts';
import { errorAt } from '../spec/source.ts';
import type { Impossible } from '../stage.ts';
import type { Document, InputDigest, Vars } from './document.ts';
import { inputDigest } from './inputs.ts';
import type { PreparedStage } from './prepare.ts';
import { type ReadyTask, type Source, shownVars, taskName } from './task.ts';

/** The inputs that a task finds don't fit what its stage takes. */
export class Unfitting extends UserError {}

/** A task whose inputs are there, with its fingerprint. Throws {@link Unfitting}. */
export function readyTask(
  prepared: PreparedStage,
  vars: Vars,
  inputs: Readonly<Record<string, readonly Source[]>>,
  impossible: readonly Impossible[],
): ReadyTask {
  const { spec, setting } = prepared;
  const variant = prepared.variant(vars);
  const digests: Record<string, InputDigest> = {};
  for (const [name, contract] of Object.entries(spec.stage.inputs ?? {})) {
    const found = inputs[name] ?? [];
    checkCount(prepared, vars, name, found);
    if (contract.counts !== false && found.length > 0)
      digests[name] = inputDigest(contract.take, found, vars);
  }
  const lacking = impossible.length > 0 ? impossible : undefined;
  const document: Document = {
    ...variant.fixed,
    inputs: digests,
    ...(lacking && { impossible: lacking }),
  };
  return {
    spec,
    vars: shownVars(vars, setting),
    setting,
    fingerprint: variant.fingerprint(digests, lacking),
    document,
    code: variant.code,
    params: variant.bound.params,
    files: Object.fromEntries([...variant.bound.files].map(([name, file]) => [name, file.paths])),
    places: variant.bound.places,
    origins: variant.bound.origins,
    inputs,
    impossible,
    verify: variant.verify,
  };
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
