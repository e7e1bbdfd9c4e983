/** Calls of one kernel. */
export interface Job {
  /** The kernel's name. */
  readonly kernel: string;
  /**
   * The arguments of the calls of each range, one call behind the other. A thread takes the next range that none has taken, with
   * all its calls. Short calls let the engine put the optimised code in place of the first one soon, and are told of.
   */
  readonly ranges: readonly Uint32Array[];
}

/** What threads share: the compiled kernels, and memory whose first 4 bytes count the ranges that were taken. */
export interface Shared {
  readonly module: object;
  readonly memory: { readonly buffer: SharedArrayBuffer };
}

/**
 * Compiles a module and makes `length` bytes of memory for it, all 0. Throws a RangeError when there isn't so much.
 *
 * @param bytes a module as `assemble` makes it
 * @param grows whether `grow` may be called
 */
export function share(bytes: Uint8Array, length: number, grows?: boolean): Shared;

/**
 * Makes the memory `length` bytes long at least; what is new is 0. Views of the buffer before reach as far as they did. Throws
 * a RangeError when there isn't so much.
 */
export function grow(shared: Shared, length: number): void;

/** The kernels by their names, to be called in this thread. */
export function kernelsOf(shared: Shared): Readonly<Record<string, (...args: number[]) => void>>;

/**
 * Makes the function that works on a job until no range is left. `told` is called after every call of the kernel with the
 * share of the job that was taken before.
 */
export function worker(shared: Shared): (job: Job, told?: (share: number) => void) => void;
