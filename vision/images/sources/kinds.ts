/** File names that are images by their ending: those that torchvision's ImageFolder takes, and GIF. */
const IMAGE = /\.(jpe?g|png|webp|tiff?|gif|bmp|pgm|ppm)$/i;

export function isImageName(name: string): boolean {
  return IMAGE.test(name);
}

export interface ListedImage {
  /** Name within the data set, forward slashes; unique. */
  readonly path: string;
  readonly label: string | null;
  /** Absolute path of the image, or of the tar or Parquet file that holds it. */
  readonly file: string;
  /** Where its bytes begin; in a Parquet file, the page that holds it. */
  readonly offset: number;
  /** Length in bytes; undefined: the whole file, or not known yet (Parquet). */
  readonly bytes: number | undefined;
  /** Number of the value within the Parquet page at `offset`. Undefined: the bytes lie in the file as they are. */
  readonly value?: number;
  /** Images with the same text here belong to one shard, since they are unpacked together. */
  readonly group?: string;
}

/** Called with every file that is passed over because it isn't an image by its name. */
export type OnIgnored = (path: string) => void;

/** A class of the data set: the text that labels have for it, and what it is called, where that is known. */
export interface ClassName {
  readonly label: string;
  readonly name?: string | undefined;
}

/** What is told while a data set is listed. */
export interface Listener {
  readonly ignored: OnIgnored;
  /** The classes in the order of their numbers, where the data set says so. */
  readonly classes: (classes: readonly ClassName[], file: string) => void;
  readonly warn: (message: string) => void;
}
