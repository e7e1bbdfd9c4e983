/** Codes of up to so many bits are found at once, those of up to 16 in two steps. */
export const FIRST_BITS = 10;
export const SECOND_BITS = 6;
const FIRST_ENTRIES = 1 << FIRST_BITS;
const SECOND_ENTRIES = 1 << SECOND_BITS;

/** Marks an entry that holds the address of a second table. */
export const DEEPER = 1 << 31;

/** The most second tables that there is room for. */
const MOST_SECOND = 64;

/** Bytes of a table. */
export const TABLE_BYTES = 4 * (FIRST_ENTRIES + MOST_SECOND * SECOND_ENTRIES);

/** What leads beyond a block: more than any run of zeros. */
const END_OF_BLOCK = 64;

/**
 * A table that finds a Huffman code by the bits that begin with it. Its entries (int32): in bits 0 to 5 the length of the code and the
 * value behind it, in bits 8 to 11 that of the value alone, from bit 16 on how many coefficients to pass over; or `DEEPER` and
 * the address of the table for the `SECOND_BITS` bits that follow. 0 where no code is.
 *
 * @param segment the counts of codes by length, then the symbols (ITU T.81, B.2.4.2)
 * @param isFirst whether symbols are those of the coefficient at frequency 0
 * @param table its memory, with anything in it; where that begins is its address
 * @returns false when the counts don't make a code, or there are too many long ones
 */
export function putHuffmanTable(segment: Uint8Array, isFirst: boolean, table: Int32Array): boolean {
  const address = table.byteOffset;
  table.fill(0);
  let used = FIRST_ENTRIES;
  /** Codes as numbers of 16 bits, the shorter ones filled up. */
  let code = 0;
  let at = 16;
  for (let bits = 1; bits <= 16; bits++) {
    for (let i = 0; i < segment[bits - 1]!; i++, code += 1 << (16 - bits)) {
      const entry = entryOf(segment[at++]!, bits, isFirst);
      if (entry === undefined || code >= 0x10000) return false;
      if (bits <= FIRST_BITS) {
        const from = code >> SECOND_BITS;
        table.fill(entry, from, from + (1 << (FIRST_BITS - bits)));
        continue;
      }
      const prefix = code >> SECOND_BITS;
      if (table[prefix] === 0) {
        if (used === table.length) return false;
        table[prefix] = DEEPER | (address + 4 * used);
        used += SECOND_ENTRIES;
      }
      const from = ((table[prefix]! & ~DEEPER) - address) / 4 + (code & (SECOND_ENTRIES - 1));
      table.fill(entry, from, from + (1 << (16 - bits)));
    }
  }
  // Where no code begins, the way leads to zeros.
  if (used === table.length) return false;
  for (let prefix = 0; prefix < FIRST_ENTRIES; prefix++) table[prefix] ||= DEEPER | (address + 4 * used);
  return true;
}

function entryOf(symbol: number, bits: number, isFirst: boolean): number | undefined {
  const [run, size] = [symbol >> 4, symbol & 15];
  // 8-bit images have no larger ones; two codes of 16 bits with such values fit what is read at a time.
  if (isFirst ? symbol > 11 : size > 10 || (size === 0 && run !== 0 && run !== 15)) return undefined;
  return (symbol === 0 && !isFirst ? END_OF_BLOCK << 16 : run << 16) | (size << 8) | (bits + size);
}
