/** Where the parts of an entry begin, bytes from its start. */
export const ENTRY: {
  readonly file: number;
  readonly shape: number;
  readonly count: number;
  readonly artifacts: number;
};
/** Where an artifact's bytes stand, from its start, and its length. */
export const ARTIFACT: { readonly bytes: number; readonly length: number };

/** What a look at an entry's files comes to where nothing differs. */
export const SAME: number;

/** The same bytes, as such and as numbers. */
export interface Bytes {
  readonly bytes: Buffer;
  readonly numbers: Float64Array;
  /** By the number of a shape, where it has any: which of its artifacts are folders. */
  readonly folders: readonly (readonly boolean[] | undefined)[];
}

/** Folders of the store. */
export interface Folders {
  readonly records: string;
  readonly blobs: string;
}

/**
 * Whether the record's file of each entry is the one that it was made from, and whether each of its files lies under its
 * digest in the right size: {@link SAME} or another number. Folders aren't looked at.
 *
 * @param places of each entry the number of its file, and where it begins there
 */
export function lookAt(dirs: Folders, files: readonly Bytes[], places: Uint32Array): Uint8Array;
