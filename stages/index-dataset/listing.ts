import { TextList } from '../../tables/texts.ts';
import type { ListedImage } from '../../vision/images/sources/index.ts';

/** Images of a data set, sorted by path, by their position. */
export interface Listing {
  readonly length: number;
  path(position: number): string;
  label(position: number): string | null;
  image(position: number): ListedImage;
}

/** A listing in the making. */
export interface ListingMaker {
  readonly length: number;
  add(image: ListedImage): void;
  sorted(): Listing;
}

/** Takes images one by one and keeps them in columns: 150 bytes each, where objects and their texts take 400. */
export function listing(): ListingMaker {
  const paths = new TextList();
  const [files, labels, groups] = [new RepeatedTexts(), new RepeatedTexts(), new RepeatedTexts()];
  const [offsets, lengths, values]: number[][] = [[], [], []];
  const imageAt = (row: number): ListedImage => {
    const [length, value, group] = [lengths![row]!, values![row]!, groups.at(row)];
    return {
      path: paths.at(row)!,
      label: labels.at(row) ?? null,
      file: files.at(row)!,
      offset: offsets![row]!,
      bytes: length < 0 ? undefined : length,
      ...(value >= 0 && { value }),
      ...(group !== undefined && { group }),
    };
  };
  return {
    get length() {
      return paths.length;
    },
    add({ path, label, file, offset, bytes, value, group }) {
      paths.push(path);
      labels.push(label ?? undefined);
      files.push(file);
      groups.push(group);
      offsets!.push(offset);
      lengths!.push(bytes ?? -1);
      values!.push(value ?? -1);
    },
    sorted() {
      const order = sortedRows(paths);
      return {
        length: order.length,
        path: (position) => paths.at(order[position]!)!,
        label: (position) => labels.at(order[position]!) ?? null,
        image: (position) => imageAt(order[position]!),
      };
    },
  };
}

/** Rows in the order of their texts by UTF-16 code units (`<`). They are strings for the time of sorting alone. */
function sortedRows(texts: TextList): Int32Array {
  const all = [...texts];
  return Int32Array.from(all.keys()).sort((a, b) => (all[a]! < all[b]! ? -1 : all[a]! > all[b]! ? 1 : a - b));
}

/** Texts, or none, of which adjoining ones are often the same: these are held once. */
class RepeatedTexts {
  readonly #texts = new TextList();
  readonly #numbers: number[] = [];
  #last: string | undefined;

  push(text: string | undefined): void {
    if (text !== undefined && (text !== this.#last || this.#texts.length === 0)) this.#texts.push(text);
    if (text !== undefined) this.#last = text;
    this.#numbers.push(text === undefined ? -1 : this.#texts.length - 1);
  }

  at(index: number): string | undefined {
    const number = this.#numbers[index]!;
    return number < 0 ? undefined : this.#texts.at(number);
  }
}
