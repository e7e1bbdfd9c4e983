import { assemble } from '../../common/wasm/module.ts';
import { addExact } from './exact.ts';
import { addRounded, round } from './fixed-point.ts';
import { claim, mark, number } from './listed.ts';
import { putting } from './put.ts';

/** The kernels as a WebAssembly module, for embeddings of so many dimensions. */
export const kernels = (dimensions: number): Uint8Array<ArrayBuffer> =>
  assemble({ claim, mark, number, put: putting(dimensions), round, addExact, addRounded });
