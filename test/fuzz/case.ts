import type { Item, Kind } from './corpus/index.ts';
import { mutateArrow } from './mutate/arrow.ts';
import { mutateBytes } from './mutate/bytes.ts';
import { mutateImage } from './mutate/images.ts';
import { mutateProtobuf } from './mutate/protobuf.ts';
import { mutateRecord } from './mutate/record.ts';
import { mutateTar } from './mutate/tar.ts';
import { mutateYaml } from './mutate/yaml.ts';
import { type Dice, diceOf } from './random.ts';

/** One mutated input. */
export interface Case {
  readonly number: number;
  readonly item: Item;
  readonly bytes: Buffer;
}

/** How often a kind comes up: models take ten times as long as the others. */
const WEIGHTS: Readonly<Record<Kind, number>> = {
  config: 12,
  pipeline: 4,
  onnx: 5,
  tar: 22,
  image: 20,
  record: 8,
  images: 5,
  places: 2,
  activations: 5,
  predictions: 2,
  embeddings: 4,
  explanations: 3,
  'unit-stats': 2,
  margins: 3,
  units: 4,
  tasks: 4,
};

const DRAWER: readonly Kind[] = Object.entries(WEIGHTS).flatMap(([kind, weight]) =>
  new Array<Kind>(weight).fill(kind as Kind),
);

/** Case `number` of a campaign: the same for the same seed and corpus. `only` limits it to some kinds. */
export function caseOf(
  seed: number,
  number: number,
  corpus: readonly Item[],
  only: readonly Kind[] = [],
): Case {
  const dice = diceOf(seed, number);
  const kind = only.length > 0 ? dice.pick(only) : dice.pick(DRAWER);
  const items = corpus.filter((item) => item.kind === kind);
  const item =
    items[kind === 'onnx' && !dice.oneIn(20) ? dice.below(items.length - 1) : dice.below(items.length)]!;
  const other = dice.pick(dice.oneIn(5) ? corpus : items).bytes;
  const knowing = mutatorOf(kind);
  let { bytes } = item;
  for (let left = 1 + (dice.oneIn(3) ? dice.below(4) : 0); left > 0; left--) {
    bytes = (dice.oneIn(3) ? mutateBytes : knowing)(bytes, other, dice);
  }
  return { number, item, bytes };
}

function mutatorOf(kind: Kind): (bytes: Buffer, other: Buffer, dice: Dice) => Buffer {
  if (kind === 'config' || kind === 'pipeline') return mutateYaml;
  if (kind === 'onnx') return mutateProtobuf;
  if (kind === 'tar') return mutateTar;
  if (kind === 'image') return mutateImage;
  return kind === 'record' ? mutateRecord : mutateArrow;
}
