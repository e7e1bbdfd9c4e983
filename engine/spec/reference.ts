import type { Node } from './node.ts';
import { errorAt, type Place } from './source.ts';

/** `${a.b ?? c.d}`: the first of the paths that has a value. */
export interface Reference {
  readonly place: Place;
  readonly paths: readonly (readonly string[])[];
}

const WHOLE = /^\$\{\s*([^}]*?)\s*\}$/;
const PATH = /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/;

/** The reference that a scalar is, or undefined for a plain value. `${` inside longer text is an error. */
export function referenceIn(node: Node): Reference | undefined {
  if (node.kind !== 'scalar' || typeof node.value !== 'string' || !node.value.includes('${'))
    return undefined;
  const inner = WHOLE.exec(node.value)?.[1];
  if (inner === undefined) {
    throw errorAt(
      node.place,
      'a reference must be the whole value',
      'Write it as ${config.key}, nothing before or after.',
    );
  }
  const paths = inner.split('??').map((part) => part.trim());
  for (const path of paths) {
    if (!PATH.test(path))
      throw errorAt(node.place, `"${path}" is not a path of keys`, 'For example: ${score.alpha}');
  }
  return { place: node.place, paths: paths.map((path) => path.split('.')) };
}
