import { elementName } from '../spec/config.ts';
import { fits, type Loop, listName } from '../spec/loop.ts';
import { missingKey } from '../spec/missing.ts';
import { descend, describe, type MapNode, type Node } from '../spec/node.ts';
import type { StageSpec } from '../spec/pipeline.ts';
import type { Reference } from '../spec/reference.ts';
import { coordinates, errorAt, type Place } from '../spec/source.ts';

/**
 * The elements of the config's lists that a stage runs over, by name. A filter may leave none. UserError: a list isn't
 * there or is empty (of several: all of them), unless it is optional, or two lists have elements of one name.
 */
export function listElements(spec: StageSpec, loop: Loop, config: MapNode): Map<string, Node> {
  const elements = new Map<string, Node>();
  const places = new Map<string, Place>();
  const lists = loop.over.map((over) => listItems(over, config, loop.several || loop.optional));
  if (!loop.optional && lists.every((items) => items.length === 0)) {
    const path = loop.over[0]!.paths[0]!;
    const { place } = loop.over[0]!;
    throw missingKey(path, config, `It takes a list, which stage ${spec.name} runs over`, place);
  }
  for (const item of lists.flat()) {
    const { name, place } = elementName(item);
    const other = places.get(name);
    if (other)
      throw errorAt(
        place,
        `"${name}" is an element of two lists that stage ${spec.name} runs over together: ${loop.over.map(listName).join(' and ')}`,
        `The other one: ${coordinates(other)}. Give one of them another "name".`,
      );
    places.set(name, place);
    if (fits(loop, item)) elements.set(name, item);
  }
  return elements;
}

/** The items of a list; none where it isn't there, or is empty and may be. */
function listItems(over: Reference, config: MapNode, mayBeEmpty: boolean): readonly Node[] {
  const { node, rest } = descend(config, over.paths[0]!);
  if (rest.length > 0 || (node.kind === 'scalar' && node.value === null)) return [];
  const key = listName(over);
  if (node.kind !== 'list') throw errorAt(node.place, `"${key}" takes a list, found ${describe(node)}`);
  if (node.items.length === 0 && !mayBeEmpty)
    throw errorAt(node.place, `"${key}" is empty`, 'Name at least one element.');
  return node.items;
}
