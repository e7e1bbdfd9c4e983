import { Damage } from './damage.ts';

/**
 * A table of a FlatBuffer, read with care: every offset and count is checked against the bytes that there are. Arrow's own
 * reader takes them as they are, and loops as often as a damaged count says.
 */
export class Table {
  readonly #view: DataView;
  readonly #at: number;

  constructor(view: DataView, at: number) {
    this.#view = view;
    this.#at = inside(view, at, 4);
  }

  static root(bytes: Uint8Array): Table {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    inside(view, 0, 4);
    return new Table(view, view.getUint32(0, true));
  }

  /** Where the value of a field lies; undefined when it is left out. */
  #slot(field: number, bytes: number): number | undefined {
    const vtable = this.#at - this.#view.getInt32(this.#at, true);
    inside(this.#view, vtable, 4);
    const size = this.#view.getUint16(vtable, true);
    inside(this.#view, vtable, size);
    const entry = 4 + 2 * field;
    const offset = entry + 2 <= size ? this.#view.getUint16(vtable + entry, true) : 0;
    return offset === 0 ? undefined : inside(this.#view, this.#at + offset, bytes);
  }

  #target(field: number): number | undefined {
    const at = this.#slot(field, 4);
    return at === undefined ? undefined : at + this.#view.getUint32(at, true);
  }

  byte(field: number): number {
    const at = this.#slot(field, 1);
    return at === undefined ? 0 : this.#view.getUint8(at);
  }

  long(field: number): number {
    const at = this.#slot(field, 8);
    return at === undefined ? 0 : longAt(this.#view, at);
  }

  table(field: number): Table | undefined {
    const at = this.#target(field);
    return at === undefined ? undefined : new Table(this.#view, at);
  }

  /** Elements of a vector of tables. */
  tables(field: number): Table[] {
    const { at, count } = this.#vector(field, 4);
    return Array.from({ length: count }, (_, i) => {
      const place = at + 4 * i;
      return new Table(this.#view, place + this.#view.getUint32(place, true));
    });
  }

  /** 64-bit numbers out of a vector of structs of `width` bytes: those at the places `offsets` within each. */
  structs(field: number, width: number): { long(offset: number): number; int(offset: number): number }[] {
    const { at, count } = this.#vector(field, width);
    return Array.from({ length: count }, (_, i) => ({
      long: (offset) => longAt(this.#view, at + i * width + offset),
      int: (offset) => this.#view.getInt32(at + i * width + offset, true),
    }));
  }

  /** Throws unless a text lies within the bytes. */
  checkText(field: number): void {
    this.#vector(field, 1);
  }

  #vector(field: number, width: number): { at: number; count: number } {
    const at = this.#target(field);
    if (at === undefined) return { at: 0, count: 0 };
    const count = this.#view.getUint32(inside(this.#view, at, 4), true);
    inside(this.#view, at + 4, count * width);
    return { at: at + 4, count };
  }
}

function inside(view: DataView, at: number, bytes: number): number {
  if (!(at >= 0 && at + bytes <= view.byteLength)) throw new Damage('its description points outside itself');
  return at;
}

function longAt(view: DataView, at: number): number {
  const value = Number(view.getBigInt64(at, true));
  if (!Number.isSafeInteger(value)) throw new Damage('it holds a length that no file can have');
  return value;
}
