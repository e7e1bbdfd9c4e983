import type { Spec } from './figure.ts';
import type { Picture } from './task-pictures.ts';
import { FAINT, INK, SCHEMA } from './theme.ts';

/** Pixels of a picture's side, and between pictures. */
export const CELL = 54;
export const GAP = 4;

/** A picture at a place, in pixels from the upper left of the sheet. */
export interface PlacedPicture {
  readonly x: number;
  readonly y: number;
  readonly url: string;
  readonly words: string;
}

/** The text over a group of pictures: a bold line, whose lower end is at `y`, and a faint one below. */
export interface Head {
  readonly x: number;
  readonly y: number;
  readonly text: string;
  readonly detail: string;
}

/** What is on a sheet of pictures. */
export interface Sheet {
  readonly images: readonly PlacedPicture[];
  readonly heads: readonly Head[];
  /** Coloured squares behind single pictures. */
  readonly frames?: readonly { readonly x: number; readonly y: number; readonly colour: string }[];
  readonly bars: readonly Bar[];
  /** Small words above bars, and larger ones above parts of the sheet. */
  readonly words?: readonly { readonly x: number; readonly y: number; readonly word: string }[];
  readonly titles?: readonly { readonly x: number; readonly y: number; readonly word: string }[];
}

interface Bar {
  readonly x: number;
  readonly right: number;
  readonly y: number;
  readonly bottom: number;
  readonly colour: string;
}

/** A thin coloured bar above a grid that starts at (x, y) and is `width` wide. */
export function barOver(x: number, y: number, width: number, colour: string): Bar {
  return { x, right: x + width, y: y - 9, bottom: y - 6, colour };
}

/** Positions of some pictures in rows of `columns`. */
export function gridOf(
  pictures: readonly Picture[],
  left: number,
  top: number,
  columns: number,
): PlacedPicture[] {
  return pictures.map(({ data, path }, i) => ({
    x: left + (i % columns) * (CELL + GAP),
    y: top + Math.floor(i / columns) * (CELL + GAP),
    url: data,
    words: path,
  }));
}

/** A specification that shows pictures and texts at given places of a sheet of given size. */
export function pictureSheet(
  { title, subtitle }: { readonly title: string; readonly subtitle: string },
  { width, height }: { readonly width: number; readonly height: number },
  { images, heads, frames = [], bars, words = [], titles = [] }: Sheet,
): Spec {
  const side = (field: string, most: number, range: object): object => ({
    field,
    type: 'quantitative',
    axis: null,
    scale: { domain: [0, most], nice: false, zero: false, ...range },
  });
  const x = side('x', width, {});
  const y = side('y', height, { range: [0, height] });
  const colour = { field: 'colour', type: 'nominal', scale: null };
  const text = (values: readonly object[], field: string, dy: number, style: object): object => ({
    data: { values },
    mark: { type: 'text', align: 'left', baseline: 'bottom', dy, limit: 480, ...style },
    encoding: { x, y, text: { field, type: 'nominal' } },
  });
  const layer = [
    text(titles, 'word', 0, { fontSize: 14, color: INK, fontWeight: 'bold' }),
    text(heads, 'text', 0, { fontSize: 13, fontWeight: 'bold', color: INK }),
    text(heads, 'detail', 15, { fontSize: 11, color: FAINT }),
    text(words, 'word', 0, { fontSize: 11, color: FAINT }),
    {
      data: { values: bars },
      mark: { type: 'rect' },
      encoding: { x, y, x2: { field: 'right' }, y2: { field: 'bottom' }, color: colour },
    },
    {
      data: { values: frames },
      mark: {
        type: 'square',
        size: (CELL + 6) ** 2,
        xOffset: (CELL + 6) / 2,
        yOffset: (CELL + 6) / 2,
        opacity: 1,
        filled: true,
      },
      encoding: { x, y, color: colour },
    },
    {
      data: { values: images },
      mark: { type: 'image', width: CELL, height: CELL, align: 'left', baseline: 'top', aspect: true },
      encoding: {
        x,
        y,
        url: { field: 'url', type: 'nominal' },
        description: { field: 'words', type: 'nominal' },
      },
    },
  ];
  return {
    $schema: SCHEMA,
    title: { text: title, subtitle },
    width,
    height,
    layer: layer.filter(({ data }: { data?: { values: readonly object[] } }) => data!.values.length > 0),
  } as unknown as Spec;
}
