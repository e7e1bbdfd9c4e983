import { share } from '../../common/wasm/work.mjs';
import type { Deal } from '../dealing.ts';
import { SUMS } from '../moments.ts';
import { type Sought, windowBytes } from '../windows.ts';
import { kernels } from './kernel.ts';
import { scratchFor } from './network.ts';
import {
  GROUP,
  HEAD,
  HITS,
  PLACES,
  ROWS,
  SHUFFLES,
  SPARE,
  setPlaces,
  shuffles,
  TILE,
  WINDOW,
} from './places.ts';

/** How much there is to keep, and to take at a time. */
export interface Size {
  /** Units, layer by layer: at most so many layers, and so many units of all. */
  readonly layers: number;
  readonly units: number;
  /** How many images will come in all, and how many are wanted from either end. */
  readonly images: number;
  readonly depth: number;
  /** Ranks far from the ends, when any are. */
  readonly sought?: Sought | undefined;
  /** The tasks that are dealt, when any are. */
  readonly deal?: Deal | undefined;
  /** Of a block of activations: images, units of the widest layer, bytes. */
  readonly block: { readonly rows: number; readonly width: number; readonly bytes: number };
  /** Blocks that are in memory at a time, and that are worked on together: others can be read meanwhile. */
  readonly rooms: number;
  readonly together?: number;
  /** Pieces that a job is cut into. */
  readonly pieces: number;
}

/** Images that a side holds, and how many are left at most when others must go. */
interface Slots {
  readonly slots: number;
  readonly most: number;
}

function slotsFor(images: number, depth: number): Slots {
  const more = Math.max(ROWS, depth >> (depth > 1024 ? 2 : 1));
  return { slots: Math.min(images, depth + more), most: depth + (more >> 2) };
}

const sideBytes = (slots: number): number => roundUp(8 * (slots + SPARE), 16);

/** Bytes that one unit takes. */
export function bytesPerUnit({ images, depth, sought }: Pick<Size, 'images' | 'depth' | 'sought'>): number {
  const ends = 2 * (sideBytes(slotsFor(images, depth).slots) + HEAD.bytes) + 8 * SUMS;
  return ends + (sought ? windowBytes(sought).space + 2 * WINDOW.bytes : 0);
}

/** The shared memory of the kernels: addresses in bytes. */
export function layOut({
  layers,
  units,
  images,
  depth,
  sought,
  deal,
  block,
  rooms,
  together = 1,
  pieces,
}: Size) {
  const { slots, most } = slotsFor(images, depth);
  const places = units + layers * (GROUP - 1); // for sums
  let bytes = PLACES.at + PLACES.bytes;
  const reserve = (length: number): number => {
    const start = roundUp(bytes, 64);
    bytes = start + length;
    return start;
  };
  const at = {
    numbers: Array.from({ length: together }, () => reserve(4 * (block.rows + ROWS))),
    rooms: Array.from({ length: rooms }, () => reserve(block.bytes)),
    sums: reserve(8 * SUMS * places),
    heads: reserve(2 * HEAD.bytes * units),
    sides: reserve(2 * sideBytes(slots) * units),
    tiles: Array.from({ length: pieces }, () => reserve(TILE + HITS)),
    scratch: Array.from({ length: pieces }, () => reserve(scratchFor(depth))),
    windows: sought && {
      heads: reserve(2 * WINDOW.bytes * units),
      space: reserve(windowBytes(sought).space * units),
      numbers: reserve(4 * (sought.sample + GROUP)),
      scratch: Array.from({ length: pieces }, () => reserve(windowBytes(sought).scratch)),
    },
    deal: deal && {
      keys: reserve(16 * layers),
      dealt: reserve(deal.by.bytes(deal).dealt),
      scratch: Array.from({ length: pieces }, () => reserve(deal.by.bytes(deal).scratch)),
    },
    beyond: reserve(GROUP * 4 * block.width), // what is read behind a block
  };
  const shared = share(kernels(deal?.by.kernels), bytes);
  new Uint8Array(shared.memory.buffer).set(shuffles(), SHUFFLES.at);
  new Uint16Array(shared.memory.buffer).set(setPlaces(), PLACES.at / 2);
  return {
    shared,
    at,
    places,
    slots,
    most,
    sideBytes: sideBytes(slots),
    /** From the activation of an image to its number. */
    apart: 4 * (slots + SPARE),
  };
}

const roundUp = (value: number, step: number): number => Math.ceil(value / step) * step;
