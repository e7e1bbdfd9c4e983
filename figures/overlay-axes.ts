import { isPart, type Part, partsOf } from './overlay-marks.ts';

const AXES = ['x', 'y'] as const;
const COMMON = ['axis', 'title', 'scale', 'sort', 'stack'] as const;

/**
 * Gives the layers of two plots common axes: titles, axes and kinds of scale are those of the plot before; an explicit
 * domain or order is widened to hold both plots'.
 */
export function withCommonAxes(back: Part, front: Part): { back: Part; front: Part } {
  let result = { back, front };
  for (const axis of AXES) {
    const [own, others] = [definitions(result.front, axis), definitions(result.back, axis)];
    const first = own.find((each) => 'field' in each) ?? own[0];
    if (!first) continue;
    const all = [...own, ...others];
    const domain = union(all.map((each) => (isPart(each.scale) ? each.scale.domain : undefined)));
    const sort = union(all.map((each) => each.sort));
    const wide = (each: Part): Part => ({
      ...each,
      ...(domain && isPart(each.scale) && Array.isArray(each.scale.domain)
        ? { scale: { ...each.scale, domain } }
        : {}),
      ...(sort && Array.isArray(each.sort) ? { sort } : {}),
    });
    const asFirst = (each: Part): Part => {
      const kept = Object.fromEntries(
        Object.entries(each).filter(([key]) => !COMMON.includes(key as 'axis')),
      );
      const taken = Object.fromEntries(COMMON.filter((key) => key in first).map((key) => [key, first[key]]));
      return wide({ ...kept, ...taken });
    };
    result = {
      front: mapDefinitions(result.front, axis, wide),
      back: mapDefinitions(result.back, axis, (each) => ('field' in each ? asFirst(each) : wide(each))),
    };
  }
  return result;
}

/** What all layers of a plot say of an axis. */
function definitions(part: Part, axis: string): Part[] {
  const own = isPart(part.encoding) && isPart(part.encoding[axis]) ? [part.encoding[axis]] : [];
  return [...own, ...partsOf(part.layer).flatMap((layer) => definitions(layer, axis))];
}

function mapDefinitions(part: Part, axis: string, change: (definition: Part) => Part): Part {
  const { encoding, layer } = part;
  const mapped =
    isPart(encoding) && isPart(encoding[axis])
      ? { encoding: { ...encoding, [axis]: change(encoding[axis]) } }
      : {};
  const inner = Array.isArray(layer)
    ? { layer: partsOf(layer).map((each) => mapDefinitions(each, axis, change)) }
    : {};
  return { ...part, ...mapped, ...inner };
}

/** Numbers: from the least to the greatest. Other values: all, those that come first in order. */
export function union(lists: readonly unknown[]): unknown[] | undefined {
  const given = lists.filter((list): list is unknown[] => Array.isArray(list));
  if (given.length === 0) return undefined;
  const values = given.flat();
  if (values.every((value) => typeof value === 'number')) {
    const falls = given[0]!.length === 2 && Number(given[0]![0]) > Number(given[0]![1]);
    const [low, high] = [Math.min(...(values as number[])), Math.max(...(values as number[]))];
    return falls ? [high, low] : [low, high];
  }
  return [...new Set(values)];
}
