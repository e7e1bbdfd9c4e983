import type { Data, Utf8 } from 'apache-arrow';

/**
 * Texts by their number, made one at a time: a million paths take as many bytes as they have, where an array of strings
 * takes twice as many and keeps the garbage collector busy. An array of strings is one too.
 */
export interface Texts<T extends string | null = string> {
  readonly length: number;
  at(index: number): T | undefined;
  slice(from: number, to: number): readonly T[];
  [Symbol.iterator](): Iterator<T>;
}

/** Texts that a function makes. */
export function textsBy<T extends string | null>(length: number, at: (index: number) => T): Texts<T> {
  return {
    length,
    at: (index) => (index < length ? at(index) : undefined),
    slice: (from, to) =>
      Array.from({ length: Math.max(0, Math.min(to, length) - from) }, (_, i) => at(from + i)),
    *[Symbol.iterator]() {
      for (let i = 0; i < length; i++) yield at(i);
    },
  };
}

/** All of them as strings, equal ones as one: for texts of which few are different, such as labels. */
export function interned<T extends string | null>(texts: Texts<T>): T[] {
  const known = new Map<T, T>();
  return Array.from(texts, (text) => {
    const same = known.get(text);
    if (same === undefined) known.set(text, text);
    return same ?? text;
  });
}

/** Texts that grow, held as UTF-8. What isn't Unicode (half of a surrogate pair) becomes U+FFFD. */
export class TextList implements Texts {
  #bytes = Buffer.allocUnsafeSlow(1 << 16);
  /** Where each text ends. */
  readonly #ends: number[] = [];
  #used = 0;

  get length(): number {
    return this.#ends.length;
  }

  /** Appends a text. Returns its number. */
  push(text: string): number {
    const most = this.#used + 3 * text.length;
    if (most > this.#bytes.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(most, 2 * this.#bytes.length));
      this.#bytes.copy(larger, 0, 0, this.#used);
      this.#bytes = larger;
    }
    this.#used += this.#bytes.write(text, this.#used);
    return this.#ends.push(this.#used) - 1;
  }

  at(index: number): string | undefined {
    const end = this.#ends[index];
    return end === undefined ? undefined : this.#bytes.toString('utf8', this.#ends[index - 1] ?? 0, end);
  }

  slice(from: number, to: number): string[] {
    return this.#ends.slice(from, to).map((_, i) => this.at(from + i)!);
  }

  *[Symbol.iterator](): Generator<string> {
    for (let i = 0; i < this.length; i++) yield this.at(i)!;
  }
}

/** The texts of an Arrow column, out of its own memory. Its offsets must have been checked. */
export function textsOfColumn({ length, values, valueOffsets, nullBitmap, nullCount }: Data<Utf8>) {
  const bytes = Buffer.from(values.buffer, values.byteOffset, values.byteLength);
  const isNull = (index: number) => nullCount > 0 && (nullBitmap[index >> 3]! & (1 << (index & 7))) === 0;
  return textsBy<string | null>(length, (index) =>
    isNull(index) ? null : bytes.toString('utf8', valueOffsets[index]!, valueOffsets[index + 1]!),
  );
}
