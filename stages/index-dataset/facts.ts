/** What was found out about images, in columns; those that couldn't be decoded, or weren't looked at, have width 0. */
export interface Facts {
  /** `WORDS` numbers an image: its file's stamp (see `Stamp`), and the SHA-256 of its encoded bytes. */
  readonly stamps: Uint32Array;
  readonly digests: Uint32Array;
  /** Where it lies in its file, and its number in a page of a Parquet file or −1. */
  readonly offsets: Float64Array;
  readonly values: Int32Array;
  /** Length of its encoded bytes. */
  readonly bytes: Float64Array;
  readonly widths: Int32Array;
  readonly heights: Int32Array;
}

/** Numbers of 32 bits that a stamp and a digest have. */
export const WORDS = 8;

/** Facts of so many images, none of them known. */
export function newFacts(count: number): Facts {
  return {
    stamps: new Uint32Array(count * WORDS),
    digests: new Uint32Array(count * WORDS),
    offsets: new Float64Array(count),
    values: new Int32Array(count),
    bytes: new Float64Array(count),
    widths: new Int32Array(count),
    heights: new Int32Array(count),
  };
}

/** Copies what is known of an image. */
export function copyFacts(from: Facts, row: number, to: Facts, at: number): void {
  for (let word = 0; word < WORDS; word++) {
    to.stamps[at * WORDS + word] = from.stamps[row * WORDS + word]!;
    to.digests[at * WORDS + word] = from.digests[row * WORDS + word]!;
  }
  to.offsets[at] = from.offsets[row]!;
  to.values[at] = from.values[row]!;
  to.bytes[at] = from.bytes[row]!;
  to.widths[at] = from.widths[row]!;
  to.heights[at] = from.heights[row]!;
}

/** Digest of an image: lower-case hexadecimal. */
export function digestAt({ digests }: Facts, row: number): string {
  return Buffer.from(digests.buffer, digests.byteOffset + 4 * row * WORDS, 4 * WORDS).toString('hex');
}

/** Takes note of an image's digest. */
export function setDigest({ digests }: Facts, row: number, digest: Buffer): void {
  digest.copy(Buffer.from(digests.buffer, digests.byteOffset + 4 * row * WORDS, 4 * WORDS));
}
