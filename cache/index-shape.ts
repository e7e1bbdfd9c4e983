import type { Artifact, PutOut } from './types.ts';

/** What a record puts out without the digests and sizes: many records have the same. */
export interface Shape {
  /** Names and kinds of the outputs, in order. */
  readonly outputs: Outputs;
  /** Of each list its elements, with their outputs. */
  readonly lists: readonly (readonly [list: string, elements: readonly (readonly [string, Outputs])[]])[];
}

type Outputs = readonly (readonly [name: string, kind: Artifact['kind']])[];

export function shapeOf({ outputs, lists }: PutOut): Shape {
  const kinds = (made: PutOut['outputs']): Outputs =>
    Object.entries(made).map(([name, { kind }]) => [name, kind]);
  return {
    outputs: kinds(outputs),
    lists: Object.entries(lists).map(([list, elements]) => [
      list,
      Object.entries(elements).map(([element, made]) => [element, kinds(made)]),
    ]),
  };
}

/** The kinds of a shape's artifacts, in the order in which they are kept. */
export function kindsIn({ outputs, lists }: Shape): Artifact['kind'][] {
  const all = [outputs, ...lists.flatMap(([, elements]) => elements.map(([, made]) => made))];
  return all.flatMap((made) => made.map(([, kind]) => kind));
}

/** What a record of a shape puts out; `artifact`: gives the one at a place, as {@link kindsIn} counts. */
export function putOut(
  { outputs, lists }: Shape,
  artifact: (place: number, kind: Artifact['kind']) => Artifact,
): PutOut {
  let place = 0;
  const made = (of: Outputs) => Object.fromEntries(of.map(([name, kind]) => [name, artifact(place++, kind)]));
  return {
    outputs: made(outputs),
    lists: Object.fromEntries(
      lists.map(([list, elements]) => [
        list,
        Object.fromEntries(elements.map(([element, of]) => [element, made(of)])),
      ]),
    ),
  };
}

/** Whether a value is a list of shapes: an index can be another's. */
export function areShapes(value: unknown): value is Shape[] {
  const isList = (each: unknown): each is unknown[] => Array.isArray(each);
  const arePairs = (each: unknown, isRight: (second: unknown) => boolean): boolean =>
    isList(each) &&
    each.every(
      (pair) => isList(pair) && pair.length === 2 && typeof pair[0] === 'string' && isRight(pair[1]),
    );
  const areOutputs = (each: unknown) => arePairs(each, (kind) => kind === 'file' || kind === 'folder');
  return (
    isList(value) &&
    value.every((shape) => {
      const { outputs, lists } = (shape ?? {}) as Partial<Shape>;
      return areOutputs(outputs) && arePairs(lists, (elements) => arePairs(elements, areOutputs));
    })
  );
}
