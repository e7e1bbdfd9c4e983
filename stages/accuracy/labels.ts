import { UserError } from '../../common/errors.ts';

/** The class of every label text, as an index of the logits, or why there is none. */
export type ClassMap = { readonly classes: ReadonlyMap<string, number> } | { readonly reason: string };

/**
 * Maps distinct labels to logits. A label is the name of a class, in the order of the logits: a name in `names` where they are
 * given, else one of the data set's distinct labels sorted by code unit (the rule of ImageFolder) where there are as
 * many of them as logits. A label that is a whole number (and no name in `names`) is the index itself.
 * Throws a UserError where `names` doesn't fit the logits, or a label is no class.
 */
export function classMap(
  distinctLabels: readonly string[],
  logits: number,
  names?: readonly string[],
): ClassMap {
  if (names && names.length !== logits) {
    throw new UserError(
      `The setting classes lists ${names.length} names, but the model has ${logits} logits. ` +
        'List one name for each logit, in their order.',
    );
  }
  const distinct = [...distinctLabels].sort();
  const given = new Map(names?.map((name, index) => [name, index]));
  const byName = names === undefined && distinct.length === logits ? distinct : undefined;
  const numbers = distinct.every((label) => given.has(label) || /^\d+$/.test(label));
  if (!numbers && names === undefined && byName === undefined) {
    return {
      reason:
        `The labels have ${distinct.length} different names and the model has ${logits} logits; ` +
        'list the class names in the order of the logits as classes.',
    };
  }
  const classes = new Map<string, number>();
  for (const [position, label] of distinct.entries()) {
    const index = given.get(label) ?? (numbers ? Number(label) : byName ? position : undefined);
    if (index === undefined) throw unknownLabel(label, 'it is not among the names listed as classes');
    if (index >= logits)
      throw unknownLabel(label, `the model's classes are numbered from 0 to ${logits - 1}`);
    classes.set(label, index);
  }
  return { classes };
}

function unknownLabel(label: string, why: string): UserError {
  return new UserError(
    `The label "${label}" of the data set is no class of the model: ${why}. ` +
      'Correct the label, or list the class names in the order of the logits as classes.',
  );
}
