import { randomStreams } from '../stats/random.ts';
import type { UnitStats } from './unit-stats.ts';

/**
 * Rows of the units to compare, ascending. `sample` units are drawn as [IMI] draws those that people are asked about: a
 * layer, each equally likely, then a unit of it, each equally likely, never the same twice; a layer whose units are all
 * drawn is out. Constant units have no tasks and are never drawn. The draw depends on the seed and on the model's own
 * layers and units, on nothing else. Undefined where `sample` is, or asks for no fewer units than there are: then all
 * are compared.
 */
export function drawUnits(
  stats: Pick<UnitStats, 'count' | 'layer' | 'constant'>,
  sample: number | undefined,
  seed: number,
): Int32Array | undefined {
  const byLayer = new Map<string, number[]>();
  let left = 0;
  for (let row = 0; row < stats.count; row++) {
    if (stats.constant[row]) continue;
    const name = stats.layer[row]!;
    const rows = byLayer.get(name) ?? [];
    byLayer.set(name, rows);
    rows.push(row);
    left++;
  }
  if (sample === undefined || sample >= left) return undefined;
  const layers = [...byLayer.values()];
  const random = randomStreams('sample of units', seed);
  const drawn = new Int32Array(sample);
  for (let i = 0; i < sample; i++) {
    const at = random.below(layers.length);
    const rows = layers[at]!;
    [drawn[i]] = rows.splice(random.below(rows.length), 1) as [number];
    if (rows.length === 0) layers.splice(at, 1);
  }
  return drawn.sort();
}
