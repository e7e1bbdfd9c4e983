/** An image in memory: 8-bit RGB, row after row, three bytes a pixel (`height × width × 3`). */
export interface Pixels {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
}

/** A rectangle of an image. */
export interface Window {
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
}

/** Memory for the pixels of an image or a part of one. */
export const roomFor = (height: number, width: number): Uint8Array => new Uint8Array(height * width * 3);
