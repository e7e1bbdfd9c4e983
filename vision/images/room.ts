/** Memory is taken from blocks of so many bytes; what is larger gets a block of its own, which isn't kept. */
const BLOCK = 4 * 2 ** 20;
/** Blocks that are kept, at most. */
const KEPT = 16;

/**
 * Memory for files, used again and again: V8 would count each file as garbage and, every few hundred photographs, go through all
 * that the thread holds.
 */
export class Room {
  readonly #blocks: Buffer[] = [];
  /** The block that memory is taken from, and how much of it is. */
  #block = 0;
  #taken = 0;

  /** So many bytes with anything in them, which hold until `clear`. */
  take(length: number): Buffer {
    if (length > BLOCK) return Buffer.allocUnsafeSlow(length);
    if (this.#taken + length > BLOCK) {
      this.#block++;
      this.#taken = 0;
    }
    if (this.#block >= KEPT) return Buffer.allocUnsafeSlow(length);
    this.#blocks[this.#block] ??= Buffer.allocUnsafeSlow(BLOCK);
    const from = this.#taken;
    this.#taken += length;
    return this.#blocks[this.#block]!.subarray(from, from + length);
  }

  /** All that was taken may be given again. */
  clear(): void {
    this.#block = 0;
    this.#taken = 0;
  }
}
