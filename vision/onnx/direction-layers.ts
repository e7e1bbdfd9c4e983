import { UserError } from '../../common/errors.ts';
import type { Direction } from './directions.ts';
import type { Wiring } from './graph.ts';
import type { WantedTap } from './instrument.ts';
import type { Layer } from './layers.ts';
import type { NetworkLayer } from './network.ts';
import { type Selected, selectLayers } from './select.ts';

/** Directions with their place in the model. */
export interface DirectionLayer {
  readonly direction: Direction;
  /** The tensor that they read. */
  readonly tap: WantedTap;
  /** As it stands in tables, but for the number of units. */
  readonly layer: Omit<NetworkLayer, 'units'>;
}

/**
 * Finds the layers that directions read. Their own depth is that of the scored layer which they read, or else of the last
 * scored one that is executed before what they read: so they shift no other layer's depth. Throws a UserError when a
 * layer isn't there, several match, or a name is taken.
 */
export function directionLayers(
  wiring: Wiring,
  layers: readonly Layer[],
  selected: readonly Selected[],
  directions: readonly Direction[],
  file: string,
): DirectionLayer[] {
  const position = new Map(wiring.order.map((node, index) => [node, index]));
  const at = (tensor: string) => position.get(wiring.producer(tensor)!) ?? -1;
  const taken = new Set(['path', ...layers.map(({ name }) => name), ...selected.map(({ name }) => name)]);
  return directions.map((direction) => {
    const { name, per } = direction;
    if (taken.has(name)) {
      throw new UserError(
        `The directions "${name}" of the model ${file} need another name: ${name === 'path' ? '"path" is a column of the tables' : 'a layer has this one'}.`,
      );
    }
    taken.add(name);
    const { tensor, op, channelAxis, name: readName } = onlyLayer(wiring, layers, direction, file);
    const depth = Math.max(0, selected.filter((layer) => at(layer.tensor) <= at(tensor)).length - 1);
    return {
      direction,
      tap: { name: readName, tensor, channelAxis, keepPositions: per === 'position' },
      layer: {
        name,
        type: 'direction',
        op,
        tensor,
        depth,
        note: `directions in ${readName}, per ${per === 'position' ? 'position' : 'image'}`,
      },
    };
  });
}

function onlyLayer(
  wiring: Wiring,
  layers: readonly Layer[],
  { name, layer }: Direction,
  file: string,
): Selected {
  const matching = selectLayers(wiring, layers, [layer], file);
  if (matching.length === 1) return matching[0]!;
  const shown = matching.slice(0, 5).map((match) => match.name);
  throw new UserError(
    `The directions "${name}" read one layer, but "${layer}" matches ${matching.length} of the model ${file}: ${shown.join(', ')}${matching.length > 5 ? ', …' : ''}. Name one of them.`,
  );
}
