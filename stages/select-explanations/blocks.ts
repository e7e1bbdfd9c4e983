import type { ActivationLayer } from '../../tables/activations.ts';

/** Units `from` to `to` − 1. */
export interface Block {
  readonly from: number;
  readonly to: number;
}

type Layers = readonly Pick<ActivationLayer, 'name' | 'units'>[];

/** Units layer by layer, at most `most` in a block; where a layer would make it longer than `near` a new one begins. */
export function blocksOf(layers: Layers, near: number, most: number): Block[] {
  const blocks: Block[] = [];
  let [from, to] = [0, 0];
  const cut = (end: number) => {
    if (end > from) blocks.push({ from, to: end });
    from = end;
  };
  for (const { units } of layers) {
    if (to + units > from + near) cut(to);
    to += units;
    while (to > from + most) cut(from + most);
  }
  cut(to);
  return blocks;
}

/** The most units that the layers of a block have. */
export function widest(layers: Layers, blocks: readonly Block[]): number {
  const all = blocks.map(({ from, to }) => {
    let [start, units] = [0, 0];
    for (const layer of layers) {
      if (start < to && start + layer.units > from) units += layer.units;
      start += layer.units;
    }
    return units;
  });
  return Math.max(1, ...all);
}

/** Layers that have units among those from `from` to `to` − 1: the first one's number, and how many. */
export function within(layers: Layers, from: number, to: number) {
  let start = 0;
  const parts = layers.map(({ name, units }) => {
    const [first, end] = [Math.max(from, start) - start, Math.min(to, start + units) - start];
    start += units;
    return { layer: name, unit: first, units: end - first };
  });
  return parts.filter(({ units }) => units > 0);
}
