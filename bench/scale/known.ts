import { newFacts, setDigest, WORDS } from '../../stages/index-dataset/facts.ts';
import { listing } from '../../stages/index-dataset/listing.ts';
import { stamper, writeMemo } from '../../stages/index-dataset/memo.ts';
import { textsBy } from '../../tables/texts.ts';
import { listImages } from '../../vision/images/sources/index.ts';
import { pictureFacts } from './pictures.ts';

/** Images of each data set that its memo lacks. */
const NEW = 200;

/** A folder of pictures that is known, the folder that all were laid out in, and the file to write. */
export interface Known {
  readonly folder: string;
  readonly pictures: string;
  readonly file: string;
}

/**
 * Writes what an earlier run of `index-dataset` would have kept of a folder of pictures, without a few images: to decode a
 * million takes minutes, and what else the stage does with them is the same.
 */
export async function writeKnown({ folder, pictures, file }: Known): Promise<void> {
  const all = listing();
  for await (const image of listImages([folder], { format: 'folder', columns: {} })) all.add(image);
  const images = all.sorted();
  const every = Math.floor(images.length / NEW);
  const known = Array.from(Array(images.length).keys()).filter((position) => position % every > 0);
  const facts = newFacts(known.length);
  const { bytes, digest, side } = pictureFacts(pictures);
  const stampOf = stamper();
  for (const [row, position] of known.entries()) {
    const stamp = stampOf(images.image(position));
    facts.stamps.set(stamp!.words, row * WORDS);
    setDigest(facts, row, digest);
  }
  facts.values.fill(-1);
  facts.bytes.fill(bytes);
  facts.widths.fill(side);
  facts.heights.fill(side);
  const paths = textsBy(known.length, (row) => images.path(known[row]!));
  await writeMemo(file, { paths, ...facts });
}
