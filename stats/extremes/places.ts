/** Rows of a tile: as many images as are looked at together. */
export const ROWS = 128;
/** Units of a tile: those that share the processor's lines of memory. */
export const UNITS = 16;
/** Units that are worked on at a time; their places in memory come in multiples of it. */
export const GROUP = 4;
/** Bytes of a tile: the ordered activations of one unit behind those of another. */
export const TILE = 4 * ROWS * UNITS;
/** Bytes behind a tile for the places of some of its rows: see `offer`. */
export const HITS = 2 * (ROWS + 16);

/**
 * What is known of one end of the order of one unit, in bytes: how many images may stand there, and the bar, the key that
 * another one must not exceed; images with this key were dropped whose number is behind the last. Nothing is known where all
 * is 0: the bar is told by how far it is below the highest.
 */
export const HEAD = { count: 0, bar: 4, last: 8, bytes: 16 } as const;
/**
 * The same of images far from the end: how many were before the window, and its bounds, keys and numbers. Those at the bounds
 * are held.
 */
export const WINDOW = { before: 12, near: 16, nearNumber: 20, far: 24, farNumber: 28, bytes: 32 } as const;
/** Behind all keys and numbers, and before all. */
export const HIGHEST = 2 ** 31 - 1;
export const LOWEST = -(2 ** 31);
/** What turns ordered activations to keys, for the high side and the low one: these fall, those rise. */
export const FLIPS = [-1, 0] as const;
/** Places behind the slots, so that images can be looked at so many at a time. */
export const SPARE = 16;

/** Where the table of shuffles stands (behind what threads count in), and how many bytes it takes. */
export const SHUFFLES = { at: 64, bytes: 256 } as const;

/** Where the table of places stands, and how many bytes it takes. */
export const PLACES = { at: SHUFFLES.at + SHUFFLES.bytes, bytes: 4096 } as const;

/** For each mask of eight bits the lanes that are set in it, as bytes of 32-bit lanes (16 bits each). */
export function setPlaces(): Uint16Array {
  const table = new Uint16Array(PLACES.bytes / 2);
  for (let mask = 0; mask < 256; mask++) {
    let at = 8 * mask;
    for (let lane = 0; lane < 8; lane++) if (mask & (1 << lane)) table[at++] = 4 * lane;
  }
  return table;
}

/** Bytes 4-lane vectors are shuffled by so that the lanes of a mask (4 bits) come first, for each mask. */
export function shuffles(): Uint8Array {
  const table = new Uint8Array(SHUFFLES.bytes).fill(0x80);
  for (let mask = 0; mask < 16; mask++) {
    let at = 16 * mask;
    for (let lane = 0; lane < 4; lane++)
      if (mask & (1 << lane)) for (let byte = 0; byte < 4; byte++) table[at++] = 4 * lane + byte;
  }
  return table;
}

/** The places of the kernels in their module: they call each other by these. The last two are there where tasks are dealt. */
export const KERNELS = [
  'moments',
  'turn',
  'keep',
  'offer',
  'gather',
  'add',
  'sortRun',
  'sort',
  'pack',
  'exchange',
  'unpack',
  'sortSides',
  'finish',
  'bound',
  'narrow',
  'shuffle',
  'deal',
] as const;
export const placeOf = (kernel: (typeof KERNELS)[number]): number => KERNELS.indexOf(kernel);
