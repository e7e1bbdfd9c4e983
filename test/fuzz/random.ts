import { randomStreams } from '../../stats/random.ts';

/** Reproducible choices for one case. */
export interface Dice {
  /** An integer in [0, count); 0 when there is nothing to choose. */
  below(count: number): number;
  /** True once in `count` times on average. */
  oneIn(count: number): boolean;
  pick<T>(from: readonly T[]): T;
}

/** The dice of a case: they depend on the seed and the number of the case alone. */
export function diceOf(seed: number, number: number): Dice {
  const stream = randomStreams('fuzz', seed).start(number);
  const below = (count: number): number => {
    if (count <= 1) return 0;
    return count <= 1 << 20 ? stream.below(count) : stream.next() % count;
  };
  return { below, oneIn: (count) => below(count) === 0, pick: (from) => from[below(from.length)]! };
}
