import type { Store, Record as StoredRecord } from '../../cache/store.ts';
import type { StageSpec } from '../spec/pipeline.ts';
import { SETTING } from '../spec/vary.ts';
import { type Cause, difference, sideOf } from './difference.ts';
import type { Vars } from './document.ts';
import type { Histories, Reason } from './reasons.ts';
import { taskName } from './task.ts';

/** Lines that tell a reason, with what led to it indented below. */
export type Trace = (reason: Reason) => Promise<string[]>;

const WORDS = {
  new: 'it is new: there is no earlier result of it',
  lost: 'its stored result was gone (removed, or set aside because it was damaged)',
  forgotten: 'something changed, but the earlier result is no longer in the store to compare with',
};

/**
 * Follows changed inputs to the tasks that made them, down to what a person changed. The two records that are compared
 * on the way are those which hold the input's bytes before and after, in whichever runs they were made.
 */
export function tracer(specs: readonly StageSpec[], histories: Histories, store: Store): Trace {
  const byName = new Map(specs.map((spec) => [spec.name, spec]));
  const known = new Map<string, Promise<string[]>>();

  async function lines(stage: string, vars: Vars, causes: readonly Cause[]): Promise<string[]> {
    const found = causes.filter((cause) => !cause.input).map(causeText);
    const inputs = new Set(causes.flatMap((cause) => (cause.input ? [cause.input.name] : [])));
    for (const name of inputs) {
      const changed = causes.filter((cause) => cause.input?.name === name);
      for (const [source, some] of await bySource(stage, name, vars, changed)) {
        const first = some[0]!;
        const more = some.length > 1 ? ` and ${some.length - 1} more` : '';
        found.push(
          `input ${first.what}${more} from ${source || 'an earlier stage'}: ${first.from} → ${first.to}`,
        );
        if (source) found.push(...(await sources(source, vars, some)).map((line) => `  ${line}`));
      }
    }
    return found;
  }

  /** The changed artefacts of an input by the stage that they come from. */
  async function bySource(stage: string, input: string, taker: Vars, changed: readonly Cause[]) {
    const needs = byName.get(stage)?.needs.filter((need) => need.input === input) ?? [];
    const from = [...new Set(needs.map((need) => need.stage))];
    if (from.length <= 1) return new Map([[from[0] ?? '', changed]]);
    const groups = new Map<string, Cause[]>();
    for (const cause of changed) {
      const { vars, from: before, to } = cause.input!;
      const holders = await Promise.all(
        from.map((name) => holding(name, ownVars(name, { ...taker, ...vars }), (to ?? before)!)),
      );
      const source = from[Math.max(0, holders.findIndex(Boolean))]!;
      groups.set(source, [...(groups.get(source) ?? []), cause]);
    }
    return groups;
  }

  /** Explains the sources of an input, those with the same explanation together. */
  async function sources(stage: string, taker: Vars, changed: readonly Cause[]): Promise<string[]> {
    const groups = new Map<string, Set<string>>();
    for (const { input } of changed) {
      const { name, text } = await source(stage, { ...taker, ...input!.vars }, input!.from, input!.to);
      groups.set(text, (groups.get(text) ?? new Set()).add(name));
    }
    return [...groups].flatMap(([text, names]) => {
      const [first] = names;
      const more = names.size > 1 ? ` and ${names.size - 1} more` : '';
      return text === '' ? [] : [`${first}${more}:`, ...text.split('\n').map((line) => `  ${line}`)];
    });
  }

  async function source(stage: string, joined: Vars, from: string | undefined, to: string | undefined) {
    const vars = ownVars(stage, joined);
    const name = taskName(stage, vars);
    const key = `${name} ${from} ${to}`;
    const text = known.get(key) ?? between(stage, vars, from, to);
    known.set(key, text);
    return { name, text: (await text).join('\n') };
  }

  function ownVars(stage: string, joined: Vars): Vars {
    const own = new Set(byName.get(stage)?.loops.map((loop) => loop.variable));
    return Object.fromEntries(
      Object.entries(joined).filter(([name, value]) => own.has(name) || (name === SETTING && value !== '')),
    );
  }

  async function between(stage: string, vars: Vars, from: string | undefined, to: string | undefined) {
    if (from === undefined) return ['it is new'];
    if (to === undefined) return ['it is no longer there'];
    const before = await holding(stage, vars, from);
    const after = await holding(stage, vars, to);
    if (!before || !after) return [WORDS.forgotten];
    if (before.fingerprint === after.fingerprint)
      return ['it was made again and put out something else, though nothing that counts changed'];
    return lines(stage, vars, difference(sideOf(before), sideOf(after)));
  }

  /** The newest record of a task that holds the given bytes. */
  async function holding(stage: string, vars: Vars, digest: string): Promise<StoredRecord | undefined> {
    const histo = [...histories.values()].filter(
      ([newest]) =>
        newest!.stage === stage &&
        Object.entries(newest!.vars).every(([name, value]) => (vars[name] ?? value) === value),
    );
    for (const { fingerprint } of histo.flat()) {
      const record = await store.read(fingerprint);
      if (record && JSON.stringify([record.outputs, record.lists]).includes(digest)) return record;
    }
    return undefined;
  }

  return async (reason) => {
    if (reason.why !== 'changed') return [WORDS[reason.why]];
    return lines(reason.stage, reason.vars, reason.causes);
  };
}

function causeText({ kind, what, from, to }: Cause): string {
  return `${kind} ${what}: ${from} → ${to}`;
}
