import { classMap } from './labels.ts';

/** What a model says to the images of a shard, and their labels. */
export interface Guesses {
  readonly labels: readonly (string | null)[];
  /** The best class of every image, and its best `k` classes, flat [images × k]. */
  readonly top1: Int32Array;
  readonly top5: Int32Array;
  /** 5, or the number of classes where there are fewer. */
  readonly k: number;
}

/** Shares of the n labelled images whose label is the best class, or one of the best five; null with the reason. */
export interface Accuracy {
  readonly top1: number | null;
  readonly top5: number | null;
  readonly n: number;
  readonly reason?: string;
}

/**
 * Top-1 and top-5 accuracy over the images that have a label. `names` are the classes in the order of the logits, where
 * they are known. Throws a UserError for a label that is no class.
 */
export function accuracyOf(shards: readonly Guesses[], logits: number, names?: readonly string[]): Accuracy {
  const none = (reason: string): Accuracy => ({ top1: null, top5: null, n: 0, reason });
  const labels = new Set(shards.flatMap((shard) => [...new Set(shard.labels)]));
  labels.delete(null);
  if (labels.size === 0) return none('The data set has no labels.');
  const map = classMap([...labels] as string[], logits, names);
  if ('reason' in map) return none(map.reason);
  let [first, five, n] = [0, 0, 0];
  for (const { labels, top1, top5, k } of shards) {
    labels.forEach((label, row) => {
      if (label === null) return;
      const truth = map.classes.get(label)!;
      n++;
      if (top1[row] === truth) first++;
      if (top5.subarray(row * k, (row + 1) * k).includes(truth)) five++;
    });
  }
  return { top1: first / n, top5: five / n, n };
}
