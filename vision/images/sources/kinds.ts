/** File names that are images by their ending: those that torchvision's ImageFolder takes, and GIF. */
const IMAGE = /\.(jpe?g|png|webp|tiff?|gif|bmp|pgm|ppm)$/i;

export function isImageName(name: string): boolean {
  return IMAGE.test(name);
}

export interface ListedImage {
  /** Name within the data set, forward slashes; unique. */
  readonly path: string;
  readonly label: string | null;
  /** Absolute path of the image, or of the tar that holds it. */
  readonly file: string;
  readonly offset: number;
  /** Length in bytes; undefined: the whole file. */
  readonly bytes: number | undefined;
}

/** Called with every file that is passed over because it isn't an image by its name. */
export type OnIgnored = (path: string) => void;
