/** Tasks to add the products of some panels to; addresses and lengths in bytes, see `Run` in kernel.ts. */
export interface Job {
  /** The tasks are cut into so many ranges; a thread takes the next one that none has taken, with all panels. */
  readonly ranges: number;
  readonly tasks: number;
  readonly lists: number;
  readonly listBytes: number;
  readonly dots: number;
  readonly panels: number;
  readonly panel: number;
  readonly panelBytes: number;
  readonly rowBytes: number;
  readonly weights: number;
  readonly sideBytes: number;
}

/** What threads share: the compiled kernel, and memory whose first 4 bytes count the ranges that were taken. */
export interface Shared {
  readonly module: object;
  readonly memory: { readonly buffer: SharedArrayBuffer };
}

/**
 * Compiles a module and makes `length` bytes of memory for it, all 0. Throws a RangeError when there isn't so much.
 *
 * @param bytes a module as `assemble` makes it
 */
export function share(bytes: Uint8Array, length: number): Shared;

/**
 * Makes the function that works on a job until no range is left. `told` is called after every call of the kernel with the
 * share of the job that was taken before.
 */
export function worker(shared: Shared): (job: Job, told?: (share: number) => void) => void;
