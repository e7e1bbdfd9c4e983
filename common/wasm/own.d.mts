/** Kernels by their names, and the memory that they work on, all 0 at first. */
export interface Workspace<Kernels> {
  readonly kernels: Kernels;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/**
 * Compiles a module that `assemble` made for memory that isn't shared. Returns what makes a workspace of at least `length`
 * bytes, which is freed like any object; throws a RangeError when there isn't so much memory.
 */
export function compile<Kernels>(bytes: Uint8Array): (length: number) => Workspace<Kernels>;
