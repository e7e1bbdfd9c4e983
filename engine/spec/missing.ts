import { nearest } from './nearest.ts';
import { descend, type MapNode, type Node } from './node.ts';
import { coordinates, errorAt, type Place } from './source.ts';

/**
 * The error for a key of the config that a reference asks for and that isn't there. It points at the place in the config
 * where the key should stand, and names the reference: the mistake may be there.
 *
 * @param use what the key is for, in words: `Stage score-mis needs it as "alpha"`
 */
export function missingKey(path: readonly string[], config: Node, use: string, asked: Place) {
  const key = path.join('.');
  const meant = nearest(key, config.kind === 'map' ? keyPaths(config, '') : []);
  const hint = meant && meant !== key ? ` If ${meant} was meant, mend the reference.` : '';
  return errorAt(
    descend(config, path).node.place,
    `missing key "${key}"`,
    `${use} (${coordinates(asked)}).${hint}`,
  );
}

/** Every path of keys in a config: `score`, `score.alpha`. */
function keyPaths(map: MapNode, prefix: string): string[] {
  return [...map.entries].flatMap(([key, { value }]) => [
    prefix + key,
    ...(value.kind === 'map' ? keyPaths(value, `${prefix}${key}.`) : []),
  ]);
}
