import { MARGIN, type Sampling } from './colour.ts';
import type { Component, Header } from './header.ts';
import { BELOW, BLOCK } from './scan.ts';
import { FREE, PLACES, tableAt } from './space.ts';

/** Samples of a component: rows of `stride` bytes, of which `width × height` count. */
export interface Plane extends Component {
  readonly at: number;
  readonly stride: number;
  readonly width: number;
  readonly height: number;
}

/** Where an image's data lie in memory. All are addresses. */
export interface Layout {
  readonly planes: readonly Plane[];
  /** RGB, three bytes a pixel. */
  readonly out: number;
  /** The file from the scan's data on. */
  readonly raw: number;
  /** Behind the space for the data in reverse order. */
  readonly reversed: number;
  readonly end: number;
  /** MCUs in a row, and their rows. */
  readonly mcus: number;
  readonly mcuRows: number;
}

/** How the first of three components is sampled beside the others; undefined where there is no kernel for it. */
export function samplingOf(components: readonly Component[]): Sampling | undefined {
  const [{ across, down }, ...others] = components as readonly [Component, ...Component[]];
  if (others.some((each) => each.across !== 1 || each.down !== 1)) return;
  if (across === 1 && down === 1) return { across, down };
  if (across === 2 && (down === 1 || down === 2) && others.length > 0) return { across, down };
  return;
}

/** @param length bytes of the file from the scan's data on */
export function layOut({ width, height, components }: Header, sampling: Sampling, length: number): Layout {
  const mcus = Math.ceil(width / (8 * sampling.across));
  const mcuRows = Math.ceil(height / (8 * sampling.down));
  let end = FREE;
  const take = (bytes: number) => {
    const at = end;
    end = (end + bytes + 15) & ~15;
    return at;
  };
  const planes = components.map((component): Plane => {
    const stride = mcus * 8 * component.across + 2 * MARGIN;
    return {
      ...component,
      at: take(stride * mcuRows * 8 * component.down) + MARGIN,
      stride,
      width: Math.ceil((width * component.across) / sampling.across),
      height: Math.ceil((height * component.down) / sampling.down),
    };
  });
  const out = take(width * height * 3 + 3 * MARGIN);
  const raw = take(length + MARGIN);
  const reversed = take(BELOW + length + MARGIN) + BELOW + length;
  return { planes, out, raw, reversed, end, mcus, mcuRows };
}

/** Lists the blocks of the first MCU of a row, each a `BLOCK`; returns the address behind the list. */
export function putBlocks(planes: readonly Plane[], row: number, numbers: Int32Array): number {
  let at = PLACES.blocks;
  for (const [i, plane] of planes.entries()) {
    const { across, down, stride } = plane;
    for (let block = 0; block < across * down; block++) {
      const y = 8 * (row * down + Math.floor(block / across));
      numbers[(at + BLOCK.to) / 4] = plane.at + y * stride + 8 * (block % across);
      numbers[(at + BLOCK.step) / 4] = 8 * across;
      numbers[(at + BLOCK.stride) / 4] = stride;
      numbers[(at + BLOCK.dcTable) / 4] = tableAt(plane.dcTable, 0);
      numbers[(at + BLOCK.acTable) / 4] = tableAt(plane.acTable, 1);
      numbers[(at + BLOCK.quantisation) / 4] = PLACES.quantisation + 128 * plane.quantisation;
      numbers[(at + BLOCK.predictor) / 4] = PLACES.predictors + 4 * i;
      at += BLOCK.size;
    }
  }
  return at;
}
